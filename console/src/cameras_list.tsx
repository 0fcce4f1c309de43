// The list of cameras. Of however many only those in sight are in the document: a thousand rows cost as much as thirty.

import { createRef } from "preact";
import { useEffect } from "preact/hooks";
import { signal } from "@preact/signals";
import { pick, t, word } from "./words";
import { age, boundText } from "./times";
import { besideBound, type Standing } from "./bounds";
import { boundOf, room, seen, type Tone, whyUnseen } from "./room";
import { inSight, scrollTo } from "./cameras_choice";
import { Mark } from "./mark";
import { skipOf } from "./skips";
import type { CameraOnMap, CameraShown, Level } from "./api";

export const LIST_ID = "cam-list";
const ROW_PX = 58; // as in cameras.css
const FULL = 4 / 3; // of the bound: where a bar ends, so that the bound is at its mark

const box = createRef<HTMLDivElement>();
const sight = signal({ top: 0, height: 900 });

// Brings a row into sight, and nothing else moves; -1 is none.
export function showRow(place: number): void {
  if (box.current === null || place < 0) return;
  const to = scrollTo(place, box.current.scrollTop, box.current.clientHeight, ROW_PX);
  if (to !== null) box.current.scrollTop = to;
  look();
}

function look(): void {
  if (box.current === null) return;
  const { scrollTop: top, clientHeight: height } = box.current;
  if (top !== sight.value.top || height !== sight.value.height) sight.value = { top, height };
}

interface ListProps {
  ids: string[];
  known: Map<string, CameraShown>;
  chosen: string;
  beat: number; // another one means that ages have grown
  onChoose: (id: string) => void;
}

export function CamerasList({ ids, known, chosen, beat, onChoose }: ListProps) {
  useEffect(() => {
    if (box.current === null) return;
    const resized = new ResizeObserver(look);
    resized.observe(box.current);
    return () => resized.disconnect();
  }, []);
  const { from, to } = inSight(sight.value.top, sight.value.height, ROW_PX, ids.length);
  const rows = ids.slice(from, to);
  const isThere = rows.includes(chosen);
  const name = (event: MouseEvent) => (event.target as Element).closest<HTMLElement>("[role=option]")?.dataset.id;
  return (
    <div ref={box} id={LIST_ID} role="listbox" tabIndex={0} aria-label={t("view_cameras")} aria-activedescendant={isThere ? rowId(chosen) : undefined}
      onScroll={look} onClick={(event) => onChoose(name(event) ?? chosen)}>
      <div role="presentation" class="cam-rows" style={{ height: `${ids.length * ROW_PX}px` }}>
        {rows.map((id, place) => <Row key={id} id={id} place={from + place} all={ids.length} isChosen={id === chosen} shown={known.get(id) ?? null} beat={beat} />)}
      </div>
    </div>
  );
}

function rowId(id: string): string {
  return `cam-row-${id}`;
}

const MARKS: Partial<Record<Tone, Level>> = { late: "red", failing: "yellow", blinded: "red", soon: "blue" };

interface RowProps {
  id: string;
  place: number;
  all: number;
  isChosen: boolean;
  shown: CameraShown | null;
  beat: number;
}

function Row({ id, place, all, isChosen, shown }: RowProps) {
  const found = room.cameras.get(id);
  if (found === undefined) return null;
  const { camera, index } = found;
  const stands = seen(index);
  const { age: grown, tone } = stands;
  const bound = boundOf(camera);
  const { stretch = 1, blind_ages_s = [] } = room.state?.tour ?? {};
  const { age: blind, standing: beside } = besideBound(blind_ages_s[index] ?? null, grown, bound, stretch);
  const isSkipped = skipOf(id) !== null;
  const trouble = shown?.troubles[0]?.trouble ?? null;
  const graver = isSkipped ? word("health", "skipped") : trouble !== null ? word("trouble", trouble) : whyUnseen(stands);
  const wrong = graver ?? pastText(beside, bound * stretch, "cam_past_stretched");
  const inFull = graver ?? pastText(beside, bound * stretch, "cam_past_stretched_means");
  const standing = inFull ?? word("health", tone === "never" ? "never" : "ok");
  const says = blind === null ? "—" : t("cam_age_of_bound", { age: age(blind), bound: boundText(bound) });
  const name = pick(camera.name, camera.name_en);
  const spoken = t("cam_row_spoken", { name, id, standing, age: blind === null ? "—" : age(blind), bound: boundText(bound) });
  const level = MARKS[tone] ?? (trouble !== null ? "yellow" : null);
  return (
    <div role="option" id={rowId(id)} class="cam-row" data-id={id} data-tone={tone} data-beside={beside} data-skipped={isSkipped} aria-selected={isChosen} aria-setsize={all} aria-posinset={place + 1} aria-label={spoken}
      style={{ transform: `translateY(${place * ROW_PX}px)` }}>
      <span class="cam-mark">{level === null ? null : <Mark level={level} />}</span>
      <b title={name}>{name}</b>
      <small class="cam-where" title={inFull ?? undefined}>{id} · {wrong === null ? `${word("ring", camera.ring)} · ${placeOf(camera)}` : <><em>{wrong}</em> · {word("ring", camera.ring)}</>}</small>
      <span class="cam-ages">
        <span class="cam-age">{says}</span>
        <span class="bar"><i style={{ width: `${Math.min(100, (100 * (blind ?? 0)) / bound / FULL)}%` }} /><u /></span>
        <small>{shown?.worst ? t("cam_day_worst", { age: age(shown.worst.blind_age_s) }) : ""}</small>
      </span>
    </div>
  );
}

// Past the bound that is promised, in words; of what a stretched bound still allows both are said.
function pastText(beside: Standing, stretched: number, both: "cam_past_stretched" | "cam_past_stretched_means"): string | null {
  if (beside === "within") return null;
  if (beside === "stretched") return t(both, { bound: boundText(stretched) });
  return beside === "late" ? word("health", "late") : t("cam_unheard");
}

function placeOf({ site, site_en, group }: CameraOnMap): string {
  return group || pick(site, site_en);
}
