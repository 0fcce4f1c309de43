// Beside the picture: what is drawn in it, what is picked, and what is wrong with it.

import { lookUp, pick, t, word } from "./words";
import { type Point, rectangle } from "./zone_geometry";
import { type Picked, pickedBy, withMask, without, withZone } from "./zone_scene";
import { change, height_m, measured, missing, picked, plane, scene, shown, stands, tool, verdict } from "./zone_state";
import type { RuleOffered } from "./api";

const DIRECTIONS = [0, 45, 90, 135, 180, 225, 270, 315];

export function Panel({ mayDraw }: { mayDraw: boolean }) {
  return (
    <aside class="zones-panel">
      <Shapes />
      {(mayDraw || picked.value !== null) && (
        <fieldset disabled={!mayDraw} class="zones-form">
          <legend class="unseen">{t("zones_picked")}</legend>
          <Form />
        </fieldset>
      )}
      <Troubles />
    </aside>
  );
}

function Shapes() {
  const { zones, masks, ground } = scene.value;
  const { zones_of = null, masks_of = null } = shown.value?.written ?? {};
  return (
    <nav class="zones-list" aria-label={t("zones_drawn")}>
      <h3>{t("zones_zones")}</h3>
      {zones_of !== null && <p class="means">{t("zones_lent", { template: zones_of })}</p>}
      {zones.length === 0 && <p class="means">{t("zones_none")}</p>}
      <ul>
        {zones.map((zone, place) => (
          <Row key={zone.id} of={{ kind: "zone", place }} name={pick(zone.name, zone.name_en || zone.name) || t("zones_unnamed")}
            what={zone.rules.map((rule) => ruleName(rule)).join(" · ")} />
        ))}
      </ul>
      <h3>{t("zones_masks")}</h3>
      {masks_of !== null && <p class="means">{t("zones_lent", { template: masks_of })}</p>}
      {masks.length === 0 && <p class="means">{t("zones_no_masks")}</p>}
      <ul>
        {masks.map((mask, place) => (
          <Row key={place} of={{ kind: "mask", place }} name={pick(mask.name, mask.name_en || mask.name) || t("zones_mask_n", { n: place + 1 })} what={t("zones_mask_means")} />
        ))}
      </ul>
      <h3>{t("zones_ground")}</h3>
      {ground === null ? <p class="means">{t("zones_no_ground")}</p>
        : <ul><Row of={{ kind: "ground" }} name={t("zones_calibrated")} what={errorText()} /></ul>}
    </nav>
  );
}

function Row({ of, name, what }: { of: Picked; name: string; what: string }) {
  const at = picked.value;
  const isOn = at !== null && JSON.stringify(at) === JSON.stringify(of);
  return (
    <li data-kind={of.kind}>
      <button type="button" aria-pressed={isOn} onClick={() => {
        tool.value = "pick";
        picked.value = of;
      }}>
        <b>{name}</b>
        <span>{what}</span>
      </button>
    </li>
  );
}

function ruleName(id: string): string {
  const rule = shown.value?.written.rules.find((one) => one.id === id);
  return rule === undefined ? id : pick(rule.name, rule.name_en);
}

function Form() {
  const at = picked.value;
  if (at === null) return <p class="means">{t("zones_pick_one")}</p>;
  if (at.kind === "ground") return <GroundForm />;
  return at.kind === "zone" ? <ZoneForm place={at.place} /> : <MaskForm place={at.place} />;
}

function ZoneForm({ place }: { place: number }) {
  const zone = scene.value.zones[place];
  if (zone === undefined) return null;
  const rules = shown.value?.written.rules ?? [];
  const set = (to: Parameters<typeof withZone>[2], joins = false) => change(withZone(scene.value, place, to), joins);
  const needsDirection = rules.some((rule) => rule.needs_direction && zone.rules.includes(rule.id));
  return (
    <>
      <h3>{t(zone.line === null ? "zones_this_zone" : "zones_this_line")} <code>{zone.id}</code></h3>
      <label>{t("zones_name")}<input type="text" id="zone-name" maxLength={120} value={zone.name} onInput={(event) => set({ name: event.currentTarget.value })} /></label>
      <label>{t("zones_name_en")}<input type="text" maxLength={120} value={zone.name_en} onInput={(event) => set({ name_en: event.currentTarget.value })} /></label>
      <fieldset class="zones-rules">
        <legend>{t("zones_rules")}</legend>
        {rules.filter((rule) => rule.needs_line === (zone.line !== null) || zone.rules.includes(rule.id)).map((rule) => (
          <RuleChoice key={rule.id} rule={rule} isOn={zone.rules.includes(rule.id)}
            onChange={(isOn) => set({ rules: isOn ? [...zone.rules, rule.id] : zone.rules.filter((id) => id !== rule.id) })} />
        ))}
      </fieldset>
      {(needsDirection || zone.direction_deg !== null) && (
        <label>{t("zones_direction")}
          <select value={zone.direction_deg ?? ""} onChange={(event) => set({ direction_deg: event.currentTarget.value === "" ? null : Number(event.currentTarget.value) })}>
            <option value="">{t("zones_direction_none")}</option>
            {[...new Set([...DIRECTIONS, ...(zone.direction_deg === null ? [] : [zone.direction_deg])])].map((deg) => (
              <option key={deg} value={deg} selected={deg === zone.direction_deg}>{lookUp(`zones_direction_${deg}`) ?? `${deg}°`}</option>
            ))}
          </select>
        </label>
      )}
      <Remove says={t("zones_remove_zone")} of={{ kind: "zone", place }} />
    </>
  );
}

function RuleChoice({ rule, isOn, onChange }: { rule: RuleOffered; isOn: boolean; onChange: (isOn: boolean) => void }) {
  return (
    <label class="choice">
      <input type="checkbox" checked={isOn} onChange={(event) => onChange(event.currentTarget.checked)} />
      <span>{pick(rule.name, rule.name_en)} <small>{word("kind", rule.kind)}</small></span>
    </label>
  );
}

function MaskForm({ place }: { place: number }) {
  const mask = scene.value.masks[place];
  if (mask === undefined) return null;
  return (
    <>
      <h3>{t("zones_this_mask")}</h3>
      <p class="means">{t("zones_mask_explained")}</p>
      <label>{t("zones_mask_name")}<input type="text" maxLength={120} value={mask.name} onInput={(event) => change(withMask(scene.value, place, { name: event.currentTarget.value }))} /></label>
      <label>{t("zones_name_en")}<input type="text" maxLength={120} value={mask.name_en} onInput={(event) => change(withMask(scene.value, place, { name_en: event.currentTarget.value }))} /></label>
      <Remove says={t("zones_remove_mask")} of={{ kind: "mask", place }} />
    </>
  );
}

function GroundForm() {
  const { ground } = scene.value;
  if (ground === null) return null;
  const setMetres = (metres: Point[]) => change({ ...scene.value, ground: { ...ground, points: ground.points.map((point, index) => ({ ...point, metres: metres[index] ?? point.metres })) } });
  const metres = ground.points.map((point) => point.metres);
  const [, second, third] = metres;
  const [across, away] = [second?.[0] ?? 0, third?.[1] ?? 0];
  const isRectangle = metres.length === 4 && JSON.stringify(metres) === JSON.stringify(rectangle(across, away));
  return (
    <>
      <h3>{t("zones_ground")}</h3>
      <p class="means">{t("zones_ground_explained")}</p>
      {metres.length === 4 && (
        <div class="zones-sides">
          <Metres says={t("zones_across")} value={isRectangle ? across : null} onChange={(to) => setMetres(rectangle(to, away || to))} />
          <Metres says={t("zones_away")} value={isRectangle ? away : null} onChange={(to) => setMetres(rectangle(across || to, to))} />
        </div>
      )}
      <details open={!isRectangle}>
        <summary>{t("zones_each_point")}</summary>
        {ground.points.map((point, place) => (
          <div class="zones-sides" key={place}>
            <Metres says={t("zones_east", { n: place + 1 })} value={point.metres[0]} onChange={(to) => setMetres(replaced(metres, place, [to, point.metres[1]]))} />
            <Metres says={t("zones_north", { n: place + 1 })} value={point.metres[1]} onChange={(to) => setMetres(replaced(metres, place, [point.metres[0], to]))} />
          </div>
        ))}
      </details>
      {verdict.value !== null && <p role="status" class="means" data-kind={plane.value === null ? "wrong" : "right"}>{plane.value === null ? t("zones_no_plane") : errorText()}</p>}
      <h4>{t("zones_scale")}</h4>
      <p class="means">{t("zones_scale_means")}</p>
      <div class="zones-tools">
        <button type="button" aria-pressed={tool.value === "measure"} disabled={plane.value === null} onClick={() => begin("measure")}>{t("zones_measure")}</button>
        <button type="button" aria-pressed={tool.value === "person"} disabled={plane.value === null} onClick={() => begin("person")}>{t("zones_person")}</button>
      </div>
      <label>{t("zones_height")}<input type="number" min="0.5" max="2.5" step="0.05" value={height_m.value} onInput={(event) => {
        const to = event.currentTarget.valueAsNumber;
        if (to > 0) height_m.value = to;
      }} /></label>
      <Remove says={t("zones_remove_ground")} of={{ kind: "ground" }} />
    </>
  );
}

function begin(chosen: "measure" | "person"): void {
  tool.value = tool.value === chosen ? "pick" : chosen;
  measured.value = [];
  if (chosen === "person") stands.value = null;
}

function replaced(metres: Point[], place: number, by: Point): Point[] {
  return metres.map((each, index) => (index === place ? by : each));
}

function Metres({ says, value, onChange }: { says: string; value: number | null; onChange: (to: number) => void }) {
  return (
    <label>{says}
      <input type="number" step="0.1" value={value ?? ""} onInput={(event) => {
        const to = event.currentTarget.valueAsNumber;
        if (Number.isFinite(to)) onChange(Math.round(to * 1000) / 1000);
      }} />
    </label>
  );
}

function Remove({ says, of }: { says: string; of: Picked }) {
  return (
    <button type="button" class="quiet" onClick={() => {
      change(without(scene.value, of));
      picked.value = null;
    }}>{says}</button>
  );
}

function errorText(): string {
  const error = verdict.value?.ground?.error;
  return error === undefined ? "" : error === null ? t("zones_error_unknown") : t("zones_error", { n: Math.max(1, Math.round(error * 100)) });
}

function Troubles() {
  const own = missing.value.map(({ path, flaw }) => ({ path, text: t(`zones_flaw_${flaw}`) }));
  // What the page has told already the server need not say again.
  const told = (verdict.value?.problems ?? []).filter(({ path }) => !own.some((one) => path.startsWith(one.path)))
    .map(({ path, detail }) => ({ path, text: path.startsWith("ground") ? `${t("zones_no_plane")} (${detail})` : detail }));
  const warned = (verdict.value?.warnings ?? []).map(({ path, code, message }) => ({ path, text: lookUp(`zones_warning_${code}`) ?? message }));
  return (
    <div role="status" class="zones-troubles">
      <Told kind="wrong" title={t("zones_wrong")} all={[...own, ...told]} />
      <Told kind="warned" title={t("zones_warned")} all={warned} />
    </div>
  );
}

function Told({ kind, title, all }: { kind: string; title: string; all: { path: string; text: string }[] }) {
  if (all.length === 0) return null;
  return (
    <section data-kind={kind}>
      <h3>{title}</h3>
      <ul>{all.map(({ path, text }) => <li key={path + text}>{placeText(path)}{text}</li>)}</ul>
    </section>
  );
}

function placeText(path: string): string {
  const at = pickedBy(path);
  if (at === null) return "";
  if (at.kind === "ground") return "";
  const thing = at.kind === "zone" ? scene.value.zones[at.place] : scene.value.masks[at.place];
  const name = thing === undefined ? "" : pick(thing.name, thing.name_en || thing.name);
  return `${name || (at.kind === "zone" ? t("zones_zone_n", { n: at.place + 1 }) : t("zones_mask_n", { n: at.place + 1 }))}${t("zones_colon")}`;
}
