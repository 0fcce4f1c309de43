// The zone editor: what is watched, hidden and measured in a camera's picture. #zones/CAMERA opens it from anywhere.

import { createRef, render } from "preact";
import { useRef, useState } from "preact/hooks";
import { lookUp, pick, t } from "./words";
import { operatorName, typeOperator } from "./operator";
import { may, signedInName } from "./signed";
import { decoded } from "./views";
import { Canvas, drawInTheMiddle, finish, focusCorner } from "./zone_canvas";
import { Panel } from "./zone_panel";
import {
  cameraId, draft, forget, history, isChanged, isOvertaken, isSaving, load, measured, message, missing, open, picked, redo, save, shown, still, takeStill, tool, type Tool, undo, zoom,
} from "./zone_state";
import { zonesAt } from "./zones_place";

const HASH = /^#zones\/(.+)$/;
const NARROW = "(max-width: 900px)";
const ZOOMS = [1, 1.5, 2, 3, 4, 6];
const TOOLS: [Tool, "zones_tool_pick" | "zones_tool_zone" | "zones_tool_line" | "zones_tool_mask" | "zones_tool_ground"][] = [
  ["pick", "zones_tool_pick"], ["zone", "zones_tool_zone"], ["line", "zones_tool_line"], ["mask", "zones_tool_mask"], ["ground", "zones_tool_ground"],
];

const sheet = createRef<HTMLDialogElement>();
let before = "#room"; // where the address leads back to

export function placeZones(node: Element): void {
  render(<Sheet />, node);
  zonesAt.value = zonesAddress;
  addEventListener("hashchange", (event) => follow(new URL(event.oldURL).hash));
  addEventListener("beforeunload", (event) => {
    if (isChanged.value) event.preventDefault();
  });
  follow("");
}

// For whoever shows a camera: the editor opens over it, and closes back to it.
export function zonesAddress(id: string): string {
  return `#zones/${encodeURIComponent(id)}`;
}

function asked(): string | null {
  const [, id = ""] = HASH.exec(location.hash) ?? [];
  return decoded(id) || null;
}

function follow(from: string): void {
  const id = asked();
  if (id === cameraId.value) return;
  if (isChanged.value && cameraId.value !== null) { // nothing that was drawn is lost by the back button
    window.history.replaceState(null, "", zonesAddress(cameraId.value));
    leaving.open(() => {
      forget();
      location.hash = id === null ? before : zonesAddress(id);
    });
    return;
  }
  if (id === null) {
    forget();
    sheet.current?.close();
    return;
  }
  if (from !== "" && !HASH.test(from)) before = from;
  if (sheet.current?.open === false) sheet.current.showModal();
  void open(id);
}

function close(): void {
  if (isChanged.value) leaving.open(leave);
  else leave();
}

function leave(): void {
  forget();
  if (asked() !== null) location.hash = before;
  sheet.current?.close();
}

// A browser may close a dialog by itself, where Escape is pressed again and again.
function closed(): void {
  if (cameraId.value === null) return;
  if (isChanged.value) sheet.current?.showModal();
  close();
}

const leaving: { open: (go: () => void) => void } = { open: () => {} };

function Sheet() {
  const { name = "", name_en = "" } = shown.value?.written ?? {};
  const isWide = !matchMedia(NARROW).matches;
  const mayDraw = isWide && may("configure") && shown.value !== null;
  return (
    <dialog ref={sheet} id="zones" aria-labelledby="zones-title" onCancel={(event) => {
      event.preventDefault();
      escape();
    }} onClose={closed} onKeyDown={(event) => keys(event, mayDraw)}>
      <div class="panel-head">
        <h2 id="zones-title">{t("zones_of", { camera: pick(name, name_en) || cameraId.value })}</h2>
        <button type="button" class="quiet" onClick={close}>{t("letters_close")}</button>
      </div>
      {!isWide && <p class="zones-note">{t("zones_narrow")}</p>}
      {isWide && !may("configure") && <p class="zones-note">{t("zones_not_allowed")}</p>}
      {mayDraw && <Tools />}
      <div class="zones-body">
        <div class="zones-main">
          <Canvas mayDraw={mayDraw} />
          <p class="zones-hint"><Hint mayDraw={mayDraw} /></p>
        </div>
        <Panel mayDraw={mayDraw} />
      </div>
      <Foot mayDraw={mayDraw} />
      <Leaving />
    </dialog>
  );
}

function escape(): void {
  if (draft.value.length > 0) draft.value = [];
  else if (tool.value !== "pick") choose("pick");
  else if (picked.value !== null) picked.value = null;
  else close();
}

function choose(chosen: Tool): void {
  tool.value = chosen;
  draft.value = [];
  measured.value = [];
}

function keys(event: KeyboardEvent, mayDraw: boolean): void {
  const on = event.target instanceof Element ? event.target : null;
  if (!mayDraw || isSaving.value || on?.closest("input, select, dialog dialog")) return;
  const isCommand = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  if (isCommand && key === "z") (event.shiftKey ? redo : undo)();
  else if (isCommand && key === "y") redo();
  else if (event.key === "Enter" && draft.value.length > 0 && !on?.closest("button")) finish();
  else return;
  event.preventDefault();
}

function Tools() {
  const { past, future } = history.value;
  return (
    <div class="zones-tools" role="toolbar" aria-label={t("zones_tools")}>
      <span class="zones-group">
        {TOOLS.map(([one, says]) => (
          <button key={one} type="button" data-tool={one} aria-pressed={tool.value === one} onClick={(event) => {
            choose(one);
            // Pressed by a key, there is no pointer to draw with.
            if (event.detail === 0 && one !== "pick") {
              drawInTheMiddle();
              focusCorner(0);
            }
          }}>{t(says)}</button>
        ))}
        {draft.value.length >= 3 && (tool.value === "zone" || tool.value === "mask") && <button type="button" class="main" onClick={finish}>{t("zones_finish")}</button>}
      </span>
      <span class="zones-group">
        <button type="button" disabled={past.length === 0} onClick={undo}>{t("zones_undo")}</button>
        <button type="button" disabled={future.length === 0} onClick={redo}>{t("zones_redo")}</button>
      </span>
      <span class="zones-group">
        <button type="button" aria-label={t("zones_zoom_out")} disabled={zoom.value === ZOOMS[0]} onClick={() => zoomBy(-1)}>−</button>
        <output>{Math.round(zoom.value * 100)}%</output>
        <button type="button" aria-label={t("zones_zoom_in")} disabled={zoom.value === ZOOMS.at(-1)} onClick={() => zoomBy(1)}>+</button>
      </span>
      <button type="button" disabled={still.value.isLoading} onClick={() => void takeStill()}>{t("zones_new_still")}</button>
    </div>
  );
}

function zoomBy(steps: number): void {
  zoom.value = ZOOMS[ZOOMS.indexOf(zoom.value) + steps] ?? zoom.value;
}

function Hint({ mayDraw }: { mayDraw: boolean }) {
  if (still.value.bitmap === null) return <b data-kind="wrong">{t(still.value.isLoading ? "zones_still_loading" : "zones_no_still")}</b>;
  return <>{mayDraw ? t(`zones_hint_${tool.value}`) : t("zones_masked_still")}</>;
}

function Foot({ mayDraw }: { mayDraw: boolean }) {
  const [name, setName] = useState(operatorName());
  const needsName = signedInName() === "" && operatorName() === "";
  return (
    <div class="zones-foot">
      <p role="status" data-state={isChanged.value ? "changed" : shown.value?.state ?? ""}>{stateText()}</p>
      <p role="alert">{message.value}</p>
      {isOvertaken.value && <button type="button" onClick={() => void load()}>{t("zones_load_theirs")}</button>}
      {mayDraw && signedInName() === "" && (
        <label class="who"><span>{t("operator")}</span><input type="text" maxLength={64} autocomplete="name" value={name} placeholder={t("operator_hint")} onInput={(event) => {
          typeOperator(event.currentTarget.value.trim());
          setName(event.currentTarget.value);
        }} /></label>
      )}
      {mayDraw && <button type="button" class="quiet" disabled={!isChanged.value || isSaving.value} onClick={() => void load()}>{t("zones_discard")}</button>}
      {mayDraw && <button type="button" class="main" id="zones-save" disabled={!isChanged.value || isSaving.value || needsName || missing.value.length > 0 || isOvertaken.value}
        onClick={() => void save()}>{t(isSaving.value ? "zones_saving" : "zones_save")}</button>}
    </div>
  );
}

function stateText(): string {
  const now = shown.value;
  if (now === null) return "";
  if (isChanged.value) return t("zones_unsaved");
  const said = lookUp(`zones_state_${now.state}`) ?? "";
  return now.problem === null || now.state === "applied" ? said : `${said} ${now.problem}`;
}

function Leaving() {
  const dialog = useRef<HTMLDialogElement>(null);
  const [leads, setLeads] = useState<{ go: () => void } | null>(null);
  leaving.open = (go) => {
    setLeads({ go });
    dialog.current?.showModal();
  };
  return (
    <dialog ref={dialog} id="zones-leaving" aria-labelledby="zones-leaving-title" onCancel={(event) => event.stopPropagation()}>
      <h3 id="zones-leaving-title">{t("zones_leave")}</h3>
      <p>{t("zones_leave_means")}</p>
      <div class="zones-tools">
        <button type="button" class="main" onClick={() => dialog.current?.close()}>{t("zones_stay")}</button>
        <button type="button" onClick={() => {
          dialog.current?.close();
          leads?.go();
        }}>{t("zones_discard")}</button>
      </div>
    </dialog>
  );
}
