// The picture with what is drawn in it. Everything that a pointer does the keyboard does, too: corners have the focus.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { pick, t } from "./words";
import { groundGrid, headOf, inserted, keptPoint, metresBetween, middle, moved, nearestEdge, type Point, removed, shifted } from "./zone_geometry";
import { changed, fewestOf, freeId, type Picked, pointsOf, type Scene, withPoints } from "./zone_scene";
import { aspect, change, changePoints, draft, height_m, history, isSaving, measured, picked, plane, scene, shown, soonChecked, stands, still, tool, zoom } from "./zone_state";

const WIDE = 1000; // of the drawing, in its own units
const REACH_PX = 12;
const PICTURE_PX = 1280; // where there is no picture to tell

export function Canvas({ mayDraw }: { mayDraw: boolean }) {
  const [box, svg, canvas] = [useRef<HTMLDivElement>(null), useRef<SVGSVGElement>(null), useRef<HTMLCanvasElement>(null)];
  const [width, setWidth] = useState(WIDE);
  const high = WIDE / aspect.value;
  const unit = WIDE / Math.max(1, width); // a pixel of the screen
  const { bitmap } = still.value;

  useEffect(() => {
    const node = svg.current;
    if (node === null) return undefined;
    const watcher = new ResizeObserver(() => setWidth(node.clientWidth));
    watcher.observe(node);
    return () => watcher.disconnect();
  }, []);

  useEffect(() => {
    const node = canvas.current;
    if (node === null || bitmap === null) return;
    [node.width, node.height] = [bitmap.width, bitmap.height];
    node.getContext("2d")?.drawImage(bitmap, 0, 0);
  }, [bitmap]);

  // What is picked stays in sight, or else what was in the middle.
  const zoomed = useRef(zoom.value);
  useLayoutEffect(() => {
    const node = box.current;
    if (node === null || zoomed.current === zoom.value) return;
    const { clientWidth: wide, clientHeight: tall } = node;
    const by = zoom.value / zoomed.current;
    zoomed.current = zoom.value;
    const points = picked.value === null ? [] : pointsOf(scene.value, picked.value);
    const [x, y] = points.length > 0 ? middle(points) : [null, null];
    node.scrollLeft = (x === null ? (node.scrollLeft + wide / 2) * by : x * node.scrollWidth) - wide / 2;
    node.scrollTop = (y === null ? (node.scrollTop + tall / 2) * by : y * node.scrollHeight) - tall / 2;
  }, [zoom.value]);

  const at = (event: PointerEvent | MouseEvent): Point => {
    const { left, top, width: wide, height: tall } = (svg.current ?? document.body).getBoundingClientRect();
    return keptPoint([(event.clientX - left) / wide, (event.clientY - top) / tall]);
  };

  const wasPressed = useRef(false); // the click that follows is of the shape, not of the picture behind it
  const drag = useRef<{ of: Picked; place: number | null; from: Point; points: Point[]; isMoving: boolean } | null>(null);

  const press = (event: PointerEvent, of: Picked, place: number | null) => {
    if (!mayDraw || tool.value !== "pick" || event.button !== 0) return;
    event.stopPropagation();
    picked.value = of;
    wasPressed.current = true;
    svg.current?.setPointerCapture(event.pointerId);
    drag.current = { of, place, from: at(event), points: pointsOf(scene.value, of), isMoving: false };
  };

  const move = (event: PointerEvent) => {
    const now = drag.current;
    if (now === null || isSaving.value) return;
    const to = at(event);
    if (!now.isMoving && Math.hypot((to[0] - now.from[0]) * width, ((to[1] - now.from[1]) * width) / aspect.value) < 3) return;
    const points = now.place === null ? shifted(now.points, to[0] - now.from[0], to[1] - now.from[1]) : moved(now.points, now.place, to);
    history.value = changed(history.value, withPoints(scene.value, now.of, points), now.isMoving);
    now.isMoving = true;
  };

  const release = () => {
    if (drag.current?.isMoving) soonChecked();
    drag.current = null;
  };

  const click = (event: MouseEvent) => {
    const isOfShape = wasPressed.current;
    wasPressed.current = false;
    if (!mayDraw || isSaving.value || isOfShape) return;
    put(at(event), REACH_PX / width);
  };

  const doubleClick = (event: MouseEvent) => {
    if (!mayDraw) return;
    if (tool.value === "zone" || tool.value === "mask") return finish();
    if (tool.value !== "pick" || picked.value === null || picked.value.kind === "ground") return;
    const points = pointsOf(scene.value, picked.value);
    if (points.length < 3) return;
    const edge = nearestEdge(points, at(event), aspect.value);
    if (edge.distance * (width / aspect.value) < REACH_PX * 2) changePoints(picked.value, inserted(points, edge.place, edge.point));
  };

  return (
    <div ref={box} class="zones-scroll" tabIndex={0} role="region" aria-label={t("zones_picture")}>
      <div class="zones-picture" data-tool={tool.value} style={{ width: `calc(min(100cqw, 100cqh * ${aspect.value}) * ${zoom.value})`, aspectRatio: String(aspect.value) }}>
        <canvas ref={canvas} hidden={bitmap === null} aria-hidden="true" />
        <svg ref={svg} viewBox={`0 0 ${WIDE} ${high}`} role="group" aria-label={t("zones_drawn")}
          onPointerMove={move} onPointerUp={release} onPointerCancel={release} onClick={click} onDblClick={doubleClick}>
          <defs>
            <pattern id="zones-hatch" width={12 * unit} height={12 * unit} patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
              <rect class="hatch-ground" width={12 * unit} height={12 * unit} />
              <rect class="hatch-line" width={5 * unit} height={12 * unit} />
            </pattern>
          </defs>
          <Grid high={high} />
          {scene.value.masks.map((mask, place) => (
            <polygon key={`m${place}`} class="mask" data-picked={isPicked({ kind: "mask", place })} points={drawn(mask.polygon, high)}
              onPointerDown={(event) => press(event, { kind: "mask", place }, null)} />
          ))}
          {scene.value.zones.map((zone, place) => (
            <polyline key={`z${place}`} class="zone" data-line={zone.line !== null} data-picked={isPicked({ kind: "zone", place })}
              points={drawn(zone.polygon ? [...zone.polygon, zone.polygon[0] ?? [0, 0]] : zone.line ?? [], high)}
              onPointerDown={(event) => press(event, { kind: "zone", place }, null)} />
          ))}
          <Names high={high} unit={unit} />
          <Measure high={high} unit={unit} />
          <Person high={high} unit={unit} />
          <Draft high={high} unit={unit} />
          <GroundPoints high={high} unit={unit} />
          {picked.value !== null && <Corners of={picked.value} high={high} unit={unit} mayDraw={mayDraw} onPress={press} />}
        </svg>
      </div>
    </div>
  );
}

function isPicked(one: Picked): boolean {
  const at = picked.value;
  return at !== null && at.kind === one.kind && (at.kind === "ground" || one.kind === "ground" || at.place === one.place);
}

function drawn(points: readonly Point[], high: number): string {
  return points.map(([x, y]) => `${x * WIDE},${y * high}`).join(" ");
}

// One more corner, or whatever the tool at hand makes of a point. `reach`: how near, as a share of the width, is on a corner.
export function put(point: Point, reach = 0): void {
  const corners = [...draft.value, point];
  switch (tool.value) {
    case "zone":
    case "mask": {
      const [first] = draft.value;
      if (first !== undefined && draft.value.length >= 3 && Math.hypot(first[0] - point[0], (first[1] - point[1]) / aspect.value) < reach) return finish();
      const last = draft.value.at(-1);
      if (last?.[0] !== point[0] || last[1] !== point[1]) draft.value = corners;
      return;
    }
    case "line":
      draft.value = corners;
      if (corners.length === 2) finish();
      return;
    case "ground":
      draft.value = corners;
      if (corners.length === 4) finish();
      return;
    case "measure":
      measured.value = measured.value.length === 1 ? [...measured.value, point] : [point];
      return;
    case "person":
      stands.value = point;
      return;
    case "pick":
      picked.value = null;
  }
}

// What was drawn so far becomes a shape; too few corners become nothing.
export function finish(): void {
  const [corners, now] = [draft.value, scene.value];
  const [from, to] = corners;
  const made: [Scene, Picked] | null =
    tool.value === "mask" && corners.length >= 3 ? [{ ...now, masks: [...now.masks, { name: "", name_en: "", polygon: corners }] }, { kind: "mask", place: now.masks.length }]
    : tool.value === "zone" && corners.length >= 3 ? [withNewZone(now, corners, null), { kind: "zone", place: now.zones.length }]
    : tool.value === "line" && from !== undefined && to !== undefined ? [withNewZone(now, null, [from, to]), { kind: "zone", place: now.zones.length }]
    : tool.value === "ground" && corners.length === 4 ? [{ ...now, ground: { error: 0, points: corners.map((at, index) => ({ at, metres: USUAL_METRES[index] ?? [0, 0] })) } }, { kind: "ground" }]
    : null;
  if (made === null) return;
  draft.value = [];
  tool.value = "pick";
  change(made[0]);
  picked.value = made[1];
}

const USUAL_METRES: Point[] = [[0, 0], [4, 0], [4, 6], [0, 6]];

// Drawn by the keyboard: a shape in the middle, whose corners are moved then.
export function drawInTheMiddle(): void {
  const square: Point[] = [[0.35, 0.65], [0.65, 0.65], [0.65, 0.35], [0.35, 0.35]];
  draft.value = tool.value === "line" ? [[0.3, 0.6], [0.7, 0.6]] : square;
  finish();
}

function withNewZone(now: Scene, polygon: Point[] | null, line: [Point, Point] | null): Scene {
  const rules = (shown.value?.written.rules ?? []).filter((rule) => rule.needs_line === (line !== null) && !rule.needs_direction);
  const id = freeId(now.zones);
  const [usual] = rules;
  return { ...now, zones: [...now.zones, { id, name: "", name_en: "", rules: usual === undefined ? [] : [usual.id], polygon, line, direction_deg: null }] };
}

interface Sized {
  high: number;
  unit: number;
}

interface CornersOf extends Sized {
  of: Picked;
  mayDraw: boolean;
  onPress: (event: PointerEvent, of: Picked, place: number | null) => void;
}

function Corners({ of, high, unit, mayDraw, onPress }: CornersOf) {
  const points = pointsOf(scene.value, of);
  const isClosed = points.length > 2 && of.kind !== "ground";
  return (
    <g class="corners" data-kind={of.kind}>
      {isClosed && mayDraw && points.map((point, place) => {
        const half = middle([point, points[(place + 1) % points.length] ?? point]);
        return <circle key={`h${place}`} class="half" cx={half[0] * WIDE} cy={half[1] * high} r={4 * unit}
          onPointerDown={(event) => {
            changePoints(of, inserted(points, place + 1, half));
            onPress(event, of, place + 1);
          }} />;
      })}
      {points.map((point, place) => (
        <circle key={`c${place}`} class="corner" cx={point[0] * WIDE} cy={point[1] * high} r={7 * unit}
          tabindex={mayDraw ? 0 : -1} role="button" data-place={place}
          aria-label={t("zones_corner", { n: place + 1, x: (point[0] * 100).toFixed(1), y: (point[1] * 100).toFixed(1) })}
          onPointerDown={(event) => onPress(event, of, place)}
          onKeyDown={(event) => cornerKey(event, of, place)} />
      ))}
    </g>
  );
}

const STEPS: Record<string, Point> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function cornerKey(event: KeyboardEvent, of: Picked, place: number): void {
  const points = pointsOf(scene.value, of);
  const point = points[place];
  if (point === undefined || isSaving.value || event.ctrlKey || event.metaKey) return;
  const step = STEPS[event.key];
  if (step !== undefined) {
    const { bitmap } = still.value;
    const by = event.shiftKey ? 10 : 1;
    const [wide, tall] = [bitmap?.width ?? PICTURE_PX, bitmap?.height ?? PICTURE_PX / aspect.value];
    const [dx, dy] = [(step[0] * by) / wide, (step[1] * by) / tall];
    changePoints(of, event.altKey ? shifted(points, dx, dy) : moved(points, place, [point[0] + dx, point[1] + dy]));
  } else if ((event.key === "Delete" || event.key === "Backspace") && points.length > fewestOf(scene.value, of)) {
    changePoints(of, removed(points, place));
    focusCorner(Math.max(0, place - 1));
  } else if ((event.key === "Insert" || event.key === "+" || event.key === "=") && points.length > 2 && of.kind !== "ground") {
    changePoints(of, inserted(points, place + 1, middle([point, points[(place + 1) % points.length] ?? point])));
    focusCorner(place + 1);
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

export function focusCorner(place: number): void {
  requestAnimationFrame(() => document.querySelector<SVGElement>(`#zones .corner[data-place="${place}"]`)?.focus());
}

function Names({ high, unit }: Sized) {
  const named = [
    ...scene.value.masks.map((mask) => ({ at: topOf(mask.polygon), text: pick(mask.name, mask.name_en || mask.name) || t("zones_mask") })),
    ...scene.value.zones.map((zone) => ({ at: topOf(zone.polygon ?? zone.line ?? [[0, 0]]), text: pick(zone.name, zone.name_en || zone.name) || zone.id })),
  ];
  return (
    <g class="names" font-size={13 * unit} aria-hidden="true">
      {named.map(({ at, text }, place) => <text key={place} x={at[0] * WIDE} y={at[1] * high + 18 * unit} stroke-width={4 * unit}>{text}</text>)}
    </g>
  );
}

// Where a shape's name stands: under the middle of its upper edge, as far as it has one.
function topOf(points: readonly Point[]): Point {
  const [top, next] = [...points].sort((one, other) => one[1] - other[1]);
  return top === undefined || next === undefined ? [0, 0] : [(top[0] + next[0]) / 2, (top[1] + next[1]) / 2];
}

function Draft({ high, unit }: Sized) {
  return (
    <g class="draft">
      <polyline points={drawn(draft.value, high)} />
      {draft.value.map((point, place) => <circle key={place} cx={point[0] * WIDE} cy={point[1] * high} r={5 * unit} />)}
    </g>
  );
}

function Grid({ high }: { high: number }) {
  const { ground } = scene.value;
  if (plane.value === null || ground === null) return null;
  const { lines } = groundGrid(plane.value, ground.points.map(({ at }) => at));
  return <g class="grid" aria-hidden="true">{lines.map((line, place) => <polyline key={place} points={drawn(line, high)} />)}</g>;
}

function GroundPoints({ high, unit }: Sized) {
  const { ground } = scene.value;
  if (ground === null) return null;
  return (
    <g class="ground-points" font-size={13 * unit} aria-hidden="true">
      {ground.points.map(({ at }, place) => (
        <g key={place}>
          <circle cx={at[0] * WIDE} cy={at[1] * high} r={5 * unit} />
          <text x={at[0] * WIDE + 9 * unit} y={at[1] * high - 9 * unit} stroke-width={4 * unit}>{place + 1}</text>
        </g>
      ))}
    </g>
  );
}

function Measure({ high, unit }: Sized) {
  const [from, to] = measured.value;
  if (from === undefined) return null;
  const metres = to !== undefined && plane.value !== null ? metresBetween(plane.value, from, to) : null;
  const at = to === undefined ? from : middle([from, to]);
  return (
    <g class="measure" font-size={14 * unit}>
      <polyline points={drawn(measured.value, high)} />
      {measured.value.map((point, place) => <circle key={place} cx={point[0] * WIDE} cy={point[1] * high} r={4 * unit} />)}
      {metres !== null && <text x={at[0] * WIDE} y={at[1] * high - 10 * unit} stroke-width={4 * unit}>{t("zones_metres", { n: metres.toFixed(2) })}</text>}
    </g>
  );
}

function Person({ high, unit }: Sized) {
  const foot = stands.value;
  if (foot === null || plane.value === null) return null;
  const head = headOf(plane.value, foot, height_m.value, aspect.value, shown.value?.written.view_deg ?? 90);
  if (head === null) return null;
  return (
    <g class="person" font-size={13 * unit}>
      <polyline points={drawn([foot, head], high)} />
      <circle cx={head[0] * WIDE} cy={head[1] * high} r={4 * unit} />
      <text x={foot[0] * WIDE} y={foot[1] * high + 18 * unit} stroke-width={4 * unit}>{t("zones_metres", { n: height_m.value.toFixed(2) })}</text>
    </g>
  );
}
