// The map: cameras as wedges that show where they look, units, orders and incidents, over the ground they stand on.

import { byId, el, markPath, setAttribute, setText, svg } from "./dom";
import { pick, t, word } from "./words";
import { age, minutes, serverNow } from "./times";
import { targetText } from "./countdown";
import { type Box, placeFixedNames, placeLabels, type Point, type UnitLabel } from "./labels";
import { boundOf, incidentById, isMaintenance, isOpen, isUnderWay, orderOfUnit, ordersOf, peopleText, room, seen, stateNow, titleOf, type Tone, whyUnseen } from "./room";
import { moveUp } from "./cover";
import { Ground } from "./ground";
import { Heat } from "./heat";
import { glowPx } from "./heat_layer";
import { awayFrom, type Mark, type MarkKind, nearest } from "./marks";
import { closeCard, openCard, placeCard, showCard, type Subject } from "./map_card";
import { pinOf } from "./pins";
import { wedgePath } from "./wedges";
import type { CameraOnMap, HeatCell, Incident, Place, RingName, UnitOnMap } from "./api";

const CLICK_PX = 4;
const METRES_PER_DEGREE = 111195;
const MARGIN_PX = 26;
const MOST_COVERED = 0.6;
const FINGER_PX = 22; // half of what a finger can hit
const POINTER_PX = 7;
const NEAR_M_PER_PX = 0.6;
const RING_PX = 6; // so near its line, a ring is what was clicked
const AROUND_M = 70; // of a named place, whose cameras see it
const TONES: Tone[] = ["ok", "soon", "late", "failing", "blinded", "never"];
const RINGS: RingName[] = ["far", "periphery", "core"];
const LEAST_REACH_M = 50;
const ALONG_A_RING = [0, 180, -40, 40, -140, 140, -90, 90]; // where its name may stand
const NAMES_FROM = 1.3; // farther away only who has something to do is named: the middle would be full of names

// `shrink`: how much shorter a degree of longitude is than one of latitude.
interface Origin extends Place {
  shrink: number;
}

export class RoomMap {
  readonly #node: HTMLElement;
  readonly #onSelect: (id: string) => void;
  readonly #onLive: (id: string) => void;
  // In the order in which they are drawn.
  readonly #layers = {
    grid: svg("g", { class: "grid" }),
    rings: svg("g", { class: "rings" }),
    heat: svg("g", { class: "heat-counts" }),
    cameras: svg("g", { class: "cameras" }),
    ringNames: svg("g", { class: "ring-names" }),
    orders: svg("g", { class: "orders" }),
    moveUp: svg("g", { class: "move-up" }),
    units: svg("g", { class: "units" }),
    incidents: svg("g", { class: "incidents" }),
    unitNames: svg("g", { class: "unit-names" }), // over every mark: where marks crowd, a name is still read
  };
  readonly #move = {
    way: svg("path", { class: "way" }),
    head: svg("path", { class: "head" }),
    post: svg("circle", { class: "post", r: 8 }),
    mover: svg("circle", { class: "mover", r: 14 }),
  };
  readonly #picture = svg("svg", { class: "marks", role: "img" }, ...Object.values(this.#layers));
  readonly #plane = el("div", { class: "ground", tabindex: 0, role: "application" });
  readonly #credit = el("p", { class: "credit" });
  readonly #card = el("div", { class: "card-place" });
  readonly #ground: Ground;
  readonly #heat: Heat;
  readonly #tip = el("p", { class: "tip", hidden: true });
  readonly #legend = el("ul", { class: "legend" });
  readonly #scaleBar = el("i");
  readonly #scaleText = el("span");
  readonly #scale = el("p", { class: "scale" }, this.#scaleBar, this.#scaleText);
  readonly #buttons = el("div", { class: "map-buttons" });
  readonly #units = new Map<string, UnitNode>();
  readonly #incidents = new Map<string, IncidentNode>();
  readonly #orders = new Map<string, SVGLineElement>();
  #isLaid = false;
  #isMoved = false; // all of it goes along with the ground, not laid out anew yet
  #looksAt: RingName | null = null; // until somebody moves the map
  #size = "";
  #origin: Origin = { latitude: 0, longitude: 0, shrink: 1 };
  #reach: Partial<Record<RingName, number>> = {}; // each ring's radius in metres
  #rings: { name: RingName; circle: SVGCircleElement; label: SVGTextElement; radius: number }[] = []; // pixels, as drawn
  #wedges: SVGPathElement[] = [];
  #namesTaken: Box[] = []; // where no unit's name can stand
  #selected: string | null = null;
  #isBegun = false;

  // `onSelect`: told of an incident, `onLive`: of a camera that somebody wants to see live.
  constructor(node: HTMLElement, onSelect: (id: string) => void, onLive: (id: string) => void) {
    this.#node = node;
    this.#onSelect = onSelect;
    this.#onLive = onLive;
    this.#layers.moveUp.append(...Object.values(this.#move));
    this.#heat = new Heat(this.#layers.heat, (cells) => this.#showHeat(cells));
    node.append(this.#plane, this.#heat.node, this.#buttons, this.#legend, this.#scale, this.#credit, this.#card, this.#tip);
    this.#ground = new Ground(this.#plane, this.#picture, {
      draw: (moved) => this.#follow(moved),
      touched: () => (this.#looksAt = null),
    });
    placeCard(this.#card, { onIncident: (id) => this.#onSelect(id), onLive: (id) => this.#onLive(id), onFind: (place) => this.#find(place) });
    this.#watchPointer();
    new ResizeObserver(() => this.#resize()).observe(node);
  }

  // What lies under the marks comes when it comes; where it did not, it is asked for again at the next occasion.
  async #lay(): Promise<void> {
    if (this.#isLaid) return;
    this.#isLaid = true;
    this.#isLaid = await this.#ground.load();
    setAttribute(this.#node, "data-ground", this.#ground.isThere);
    setText(this.#credit, this.#ground.attribution);
    this.#heat.draw();
    // The tiles may be in another system of coordinates than what was looked at before.
    if (this.#looksAt !== null) this.#look(this.#looksAt);
    else this.#draw();
  }

  #resize(): void {
    this.#ground.resize();
    const size = `${this.#node.clientWidth} ${this.#node.clientHeight}`;
    if (size === this.#size) return;
    this.#size = size;
    if (this.#looksAt !== null) this.#look(this.#looksAt);
    else this.#draw();
  }

  // The view has changed: only moved, everything goes along as it is, until it rests.
  #follow(moved: Point | null): void {
    if (moved?.x === 0 && moved.y === 0 && !this.#isMoved) return;
    if (moved === null) {
      this.#still();
      return;
    }
    this.#isMoved = true;
    this.#picture.style.transform = `translate(${moved.x.toFixed(1)}px, ${moved.y.toFixed(1)}px)`; // by the style: nothing is laid out
  }

  // The furniture: called when the layout came or changed, and when the language changed.
  furnish(): void {
    const { cameras } = room.layout;
    this.#origin = originOf(cameras);
    this.#ground.measureAt(this.#origin);
    this.#ground.speak();
    setAttribute(this.#plane, "aria-label", t("map_moves"));
    const { rings } = room.layout;
    this.#reach = Object.fromEntries(rings.map((ring) => [ring.name, this.#reachOf(ring.name)]));
    this.#wedges = cameras.map((camera, index) => this.#wedge(camera, index));
    this.#layers.cameras.replaceChildren(...this.#wedges);
    this.#rings = RINGS.flatMap((name) => {
      const target = rings.find((ring) => ring.name === name)?.response_target_s;
      if (target === undefined || !this.#reach[name]) return [];
      const label = svg("text", { "data-ring": name }, `${word("ring", name)} · ${targetText(target)}`);
      return [{ name, circle: svg("circle"), label, radius: 0 }];
    });
    this.#layers.rings.replaceChildren(...this.#rings.map(({ name, circle }) => svg("g", { "data-ring": name }, circle)));
    this.#layers.ringNames.replaceChildren(...this.#rings.map(({ label }) => label));
    this.#furnishButtons();
    this.#furnishLegend();
    this.#heat.speak();
    void this.#lay();
    this.#draw();
  }

  update(): void {
    const state = stateNow();
    this.#wedges.forEach((wedge, index) => this.#showWedge(wedge, index));
    const open = state.incidents.filter(isOpen);
    const units = this.#units.size;
    sync(this.#units, this.#layers.units, state.units, () => new UnitNode(this.#layers.unitNames), (shown, unit) => this.#showUnit(shown, unit));
    sync(this.#incidents, this.#layers.incidents, open, (one) => this.#incidentNode(one), (shown, one) => shown.show(one));
    const orders = open.flatMap((one) => ordersOf(one.id)).filter(isUnderWay);
    sync(this.#orders, this.#layers.orders, orders, () => svg("line"), (node, order) => {
      setAttribute(node, "data-state", order.state);
    });
    const counts = { cameras: room.layout.cameras.length, units: state.units.length, incidents: open.length };
    setAttribute(this.#picture, "aria-label", t("map_label", counts));
    this.#begin(open);
    showCard();
    // Who is new stands there at once, and does not glide in from the corner; and what is being moved is not placed twice.
    if (this.#units.size > units || this.#isMoved) this.#still();
    else this.#place();
  }

  // At first what matters most is looked at: the core, or out to where something is going on.
  #begin(open: Incident[]): void {
    if (this.#isBegun || this.#node.clientWidth === 0) return;
    this.#isBegun = true;
    const rings = RINGS.filter((name) => this.#reach[name]);
    const widest = rings.find((name) => open.some((one) => one.ring === name && !isMaintenance(one))) ?? rings.at(-1);
    if (widest !== undefined) this.#look(widest);
  }

  select(id: string | null): void {
    this.#selected = id;
    const incident = incidentById(id);
    if (incident !== null && this.#reach[incident.ring] && !this.#isInside(this.#pixels(incident.place))) this.#look(incident.ring);
    for (const [incident, { node }] of this.#incidents) setAttribute(node, "data-selected", incident === id);
  }

  #isInside({ x, y }: Point): boolean {
    return x >= 0 && y >= this.#over && x <= this.#node.clientWidth && y <= this.#node.clientHeight;
  }

  tick(now: number): void {
    for (const unit of stateNow().units) {
      const shown = this.#units.get(unit.id);
      if (shown) setText(shown.label, unitLabel(unit, now));
    }
  }

  #reachOf(ring: RingName): number {
    const inside = room.layout.cameras.filter((camera) => camera.ring === ring);
    return inside.reduce((most, { place }) => {
      const { x, y } = this.#metres(place);
      return Math.max(most, Math.hypot(x, y));
    }, 0);
  }

  #metres({ latitude, longitude }: Place): Point {
    const origin = this.#origin;
    return {
      x: (longitude - origin.longitude) * METRES_PER_DEGREE * origin.shrink,
      y: (origin.latitude - latitude) * METRES_PER_DEGREE,
    };
  }

  get #pxPerMetre(): number {
    return 1 / this.#ground.metresPerPx;
  }

  get #widest(): number {
    return Math.max(LEAST_REACH_M, ...Object.values(this.#reach));
  }

  // Never nothing or less, however small the map is.
  get #half(): number {
    return Math.max(1, Math.min(this.#node.clientWidth, this.#node.clientHeight - this.#covered) / 2 - MARGIN_PX);
  }

  // How much of its top lies under banners and a proposal to move up, pixels.
  get #over(): number {
    const style = getComputedStyle(this.#node);
    return ["--banners", "--move-up"].reduce((sum, name) => sum + (Number.parseFloat(style.getPropertyValue(name)) || 0), 0);
  }

  // So much of it that something can be shown below it, also on a map that is nearly all covered.
  get #covered(): number {
    return Math.min(this.#over, MOST_COVERED * this.#node.clientHeight);
  }

  // 1: the whole area fills the map.
  get #zoom(): number {
    return (this.#pxPerMetre * this.#widest) / this.#half;
  }

  #pixels(place: Place): Point {
    return this.#ground.pixels(place);
  }

  #wedge(_: CameraOnMap, index: number): SVGPathElement {
    return svg("path", { "data-index": index });
  }

  #showWedge(wedge: SVGPathElement, index: number): void {
    const { age: blind, tone } = seen(index);
    const camera = room.layout.cameras[index];
    if (camera === undefined) return;
    const bound = boundOf(camera);
    setAttribute(wedge, "data-tone", tone);
    setAttribute(wedge, "d", wedgePath(camera.view_deg, tone));
    setAttribute(wedge, "data-pinned", pinOf(camera.id) !== null);
    // Just seen is bright and fades until it is seen again: the tour is visible as a slow glimmer.
    const faded = blind === null ? 1 : Math.min(1, blind / bound);
    wedge.style.setProperty("--fresh", tone === "ok" ? (1 - 0.62 * faded).toFixed(2) : "1");
  }

  #showUnit({ node, name, circle, arrow, label }: UnitNode, unit: UnitOnMap): void {
    for (const one of [node, name]) setAttribute(one, "data-state", unit.state);
    const order = orderOfUnit(unit);
    const heading = order && isUnderWay(order) ? bearing(this.#metres(unit), this.#metres(order.destination)) : null;
    setAttribute(arrow, "transform", heading === null ? null : `rotate(${heading.toFixed(0)})`);
    setAttribute(arrow, "d", heading === null ? "M-3 0A3 3 0 1 0 3 0A3 3 0 1 0-3 0Z" : "M0-5.5L4 4.5L0 2L-4 4.5Z");
    setAttribute(node, "data-simulated", unit.simulated);
    setAttribute(circle, "data-unit", unit.id);
    setText(label, unitLabel(unit, serverNow())); // its place is found by its length
    this.#raise(node, hasToDo(unit));
  }

  // Who has something to do is drawn over the others.
  #raise(node: SVGElement, matters: boolean): void {
    const before = "matters" in node.dataset;
    setAttribute(node, "data-matters", matters);
    if (matters && !before) this.#layers.units.append(node);
  }

  #incidentNode(incident: Incident): IncidentNode {
    return new IncidentNode(incident.id === this.#selected);
  }

  #draw(): void {
    if (this.#node.clientWidth === 0) return;
    this.#ground.wasDrawn();
    this.#isMoved = false;
    this.#picture.style.transform = "";
    setAttribute(this.#picture, "viewBox", `0 0 ${this.#node.clientWidth} ${this.#node.clientHeight}`);
    this.#drawRings();
    this.#drawGrid();
    const size = Math.min(1.5, Math.max(0.62, 0.72 * Math.sqrt(this.#zoom)));
    room.layout.cameras.forEach((camera, index) => {
      const { x, y } = this.#pixels(camera.place);
      const placed = `translate(${x.toFixed(1)} ${y.toFixed(1)}) rotate(${camera.heading_deg}) scale(${size.toFixed(2)})`;
      const wedge = this.#wedges[index];
      if (wedge) setAttribute(wedge, "transform", placed);
    });
    this.#place();
  }

  #drawRings(): void {
    const centre = this.#pixels(this.#origin);
    for (const ring of this.#rings) {
      const { circle } = ring;
      const radius = ((this.#reach[ring.name] ?? 0) + 12) * this.#pxPerMetre;
      ring.radius = radius;
      for (const [name, value] of Object.entries({ cx: centre.x, cy: centre.y, r: radius })) {
        setAttribute(circle, name, value.toFixed(1));
      }
    }
  }

  // At the top of its ring, or elsewhere along it where that is out of sight or under the buttons; the innermost first.
  #nameRings(): void {
    const centre = this.#pixels(this.#origin);
    const names = [...this.#rings].reverse().map(({ label, radius }) => {
      return { label, places: ALONG_A_RING.map((angle) => along(centre, radius - 10, angle)) };
    });
    const { left, top } = this.#node.getBoundingClientRect();
    const over = [this.#buttons, this.#legend, this.#scale, this.#credit, this.#heat.node, byId("banners"), byId("move-up")];
    this.#namesTaken = over.map((node) => boxAround(node, left, top));
    placeFixedNames(names, this.#namesTaken, this.#whole);
    this.#ground.keepClear(this.#namesTaken);
  }

  get #whole(): Box {
    return { left: 0, top: 0, right: this.#node.clientWidth, bottom: this.#node.clientHeight };
  }

  // A faint grid with its scale written beside it: without roads it is what gives a sense of distance.
  #drawGrid(): void {
    const step = [25, 50, 100, 200, 500, 1000, 2000, 5000].find((one) => one * this.#pxPerMetre >= 52) ?? 10000;
    const { clientWidth: width, clientHeight: height } = this.#node;
    const pitch = step * this.#pxPerMetre;
    const zero = this.#pixels(this.#origin);
    const lines: string[] = [];
    // Beyond the edges, too: it is there when the map is moved.
    for (let x = (zero.x % pitch) - reach(width, pitch); x < 2 * width; x += pitch) lines.push(`M${x.toFixed(1)} ${-height}V${2 * height}`);
    for (let y = (zero.y % pitch) - reach(height, pitch); y < 2 * height; y += pitch) lines.push(`M${-width} ${y.toFixed(1)}H${2 * width}`);
    this.#layers.grid.replaceChildren(svg("path", { d: lines.join("") }));
    this.#scaleBar.style.width = `${pitch.toFixed(0)}px`;
    setText(this.#scaleText, step >= 1000 ? `${step / 1000} km` : `${step} m`);
  }

  #place(): void {
    if (room.state === null || this.#node.clientWidth === 0) return;
    this.#nameRings();
    this.#placeUnits();
    for (const incident of room.state.incidents) {
      const shown = this.#incidents.get(incident.id);
      const { x, y } = this.#pixels(incident.place);
      if (shown) setAttribute(shown.node, "transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
    }
    for (const [id, node] of this.#orders) this.#placeOrder(id, node);
    this.#placeMoveUp();
    this.#heat.place((place) => this.#pixels(place));
  }

  // From the unit that may be moved, around which is a circle, to the edge of the one around the post.
  #placeMoveUp(): void {
    const proposal = moveUp();
    const unit = proposal && stateNow().units.find((one) => one.id === proposal.unit_id);
    setAttribute(this.#layers.moveUp, "visibility", unit ? null : "hidden");
    if (!proposal || !unit) return;
    const [from, to] = [this.#pixels(unit), this.#pixels(proposal.post.place)];
    const { way, head, post, mover } = this.#move;
    const drawn = arrow(from, to);
    setAttribute(way, "d", drawn.way);
    setAttribute(head, "d", drawn.head);
    for (const [circle, at] of [[post, to], [mover, from]] as const) {
      setAttribute(circle, "cx", at.x.toFixed(1));
      setAttribute(circle, "cy", at.y.toFixed(1));
    }
  }

  #placeUnits(): void {
    const placed: UnitLabel[] = [];
    const { units, incidents } = stateNow();
    for (const unit of units) {
      const shown = this.#units.get(unit.id);
      if (!shown) continue;
      const at = this.#unitAt(unit);
      for (const { style } of [shown.node, shown.name]) style.transform = `translate(${at.x.toFixed(1)}px, ${at.y.toFixed(1)}px)`;
      const [label, matters] = [shown.label, hasToDo(unit)];
      if (matters || this.#zoom >= NAMES_FROM) placed.push({ label, at, matters });
      else setAttribute(label, "visibility", "hidden");
    }
    const marks = incidents.filter(isOpen).map((incident) => this.#pixels(incident.place));
    placeLabels(placed, marks, this.#namesTaken, this.#whole);
  }

  #placeOrder(id: string, node: SVGLineElement): void {
    const { orders, units } = stateNow();
    const order = Object.values(orders).flat().find((one) => one.id === id);
    const unit = order && units.find((one) => one.id === order.unit_id);
    setAttribute(node, "visibility", unit ? null : "hidden");
    if (!order || !unit) return;
    const [from, to] = [this.#pixels(unit), this.#pixels(order.destination)];
    for (const [name, value] of Object.entries({ x1: from.x, y1: from.y, x2: to.x, y2: to.y })) {
      setAttribute(node, name, value.toFixed(1));
    }
  }

  #furnishButtons(): void {
    const views = [...RINGS].reverse().filter((name) => this.#reach[name]);
    const buttons = views.map((name) => {
      const label = name === views.at(-1) ? t("whole_area") : word("ring", name);
      return mapButton(label, () => this.#look(name));
    });
    const closer = mapButton("+", () => this.#zoomBy(1.5), t("zoom_in"));
    const wider = mapButton("−", () => this.#zoomBy(1 / 1.5), t("zoom_out"));
    const list = mapButton("☰", () => this.list(), t("map_list"));
    this.#buttons.replaceChildren(...buttons, closer, wider, this.#heat.button, list);
  }

  #furnishLegend(): void {
    const tones = TONES.map((tone) =>
      el("li", { "data-tone": tone }, svg("svg", { viewBox: "-9 -11 18 18", "aria-hidden": "true" }, svg("path", { d: wedgePath(70, tone) })), t(`seen_${tone}`)),
    );
    const unit = el("li", { class: "unit-key" }, el("i"), t("units"));
    const fingers = el("li", { class: "fingers" }, t("map_two_fingers"));
    this.#legend.replaceChildren(el("li", { class: "what" }, t("blind_age")), ...tones, unit, fingers);
  }

  #look(ring: RingName): void {
    const reach = Math.max(LEAST_REACH_M, this.#reach[ring] ?? this.#widest);
    this.#ground.look(this.#origin, reach / this.#half, this.#covered);
    this.#looksAt = ring;
    this.#still();
  }

  // As near as needed to tell it from what is around it.
  #find(place: Place): void {
    this.#looksAt = null;
    this.#ground.look(place, Math.min(this.#ground.metresPerPx, NEAR_M_PER_PX), this.#covered);
    this.#still();
  }

  #zoomBy(factor: number): void {
    this.#looksAt = null;
    this.#ground.zoomBy(factor);
    this.#still();
  }

  #showHeat(cells: HeatCell[]): void {
    this.#ground.showHeat(cells);
  }

  toggleHeat(): void {
    this.#heat.toggle();
  }

  // All that is on the map, as a list: for the keyboard, and for who looks for something by its name.
  list(): void {
    setAttribute(this.#card, "data-side", null);
    openCard({ kind: "area" });
  }

  // Units glide between two messages, but must not when it is the map that moves.
  #still(): void {
    this.#picture.classList.add("still");
    this.#draw();
    requestAnimationFrame(() => requestAnimationFrame(() => this.#picture.classList.remove("still")));
  }

  #watchPointer(): void {
    const at = (event: MouseEvent): Point => {
      const box = this.#node.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    this.#picture.addEventListener("pointermove", (event) => this.#showTip(event.target, at(event)));
    this.#picture.addEventListener("pointerleave", () => (this.#tip.hidden = true));
    let pressedAt: Point = { x: 0, y: 0 };
    this.#picture.addEventListener("pointerdown", (event) => (pressedAt = at(event)));
    this.#picture.addEventListener("click", (event) => {
      const spot = at(event);
      // Who moved the map has clicked nothing.
      if (Math.hypot(spot.x - pressedAt.x, spot.y - pressedAt.y) > CLICK_PX) return;
      // What was clicked stays in sight.
      setAttribute(this.#card, "data-side", spot.x > this.#node.clientWidth / 2 ? "left" : null);
      const isFinger = event instanceof PointerEvent && event.pointerType === "touch";
      const hit = isFinger ? null : hitBy(event.target);
      const ring = event.target instanceof SVGTextElement ? event.target.dataset.ring : undefined;
      if (ring !== undefined) openCard({ kind: "ring", id: ring });
      else if (hit === null) this.#click(spot, isFinger ? FINGER_PX : POINTER_PX);
      else this.#choose(hit.kind, hit.id);
    });
  }

  // What is nearest is meant: marks crowd, and a finger is wide.
  #click(spot: Point, reach: number): void {
    const found = nearest(spot, this.#marks(), reach);
    if (found !== null) this.#choose(found.kind, found.id);
    else {
      const subject = this.#under(spot, reach);
      if (subject === null) closeCard();
      else openCard(subject);
    }
  }

  #choose(kind: MarkKind, id: string): void {
    if (kind === "incident") this.#onSelect(id);
    else openCard({ kind, id });
  }

  #marks(): Mark[] {
    const { incidents, units } = stateNow();
    return [
      ...incidents.filter(isOpen).map((one): Mark => ({ kind: "incident", id: one.id, at: this.#pixels(one.place) })),
      ...units.map((one): Mark => ({ kind: "unit", id: one.id, at: this.#unitAt(one) })),
      ...room.layout.cameras.map((one): Mark => ({ kind: "camera", id: one.id, at: this.#pixels(one.place) })),
    ];
  }

  // No mark, but the way of an order, a warm place, a ring's line, or something that has a name.
  #under(spot: Point, reach: number): Subject | null {
    const sent = this.#sentAlong(spot, Math.max(RING_PX, reach / 2));
    if (sent !== null) return { kind: "unit", id: sent };
    const warm = this.#heat.near(spot, Math.max(reach, glowPx(this.#ground.metresPerPx) / 2));
    if (warm !== null) return { kind: "heat", id: t("heat"), ...warm };
    const centre = this.#pixels(this.#origin);
    const away = Math.hypot(spot.x - centre.x, spot.y - centre.y);
    const ring = this.#rings.find(({ radius }) => Math.abs(radius - away) < Math.max(RING_PX, reach / 2));
    if (ring !== undefined) return { kind: "ring", id: ring.name };
    const named = this.#ground.named(spot);
    if (named === null) return null;
    const [name, english] = [named.get("name") as string, (named.get("name_en") as string | undefined) ?? ""];
    if (room.layout.cameras.some((camera) => camera.site === name)) return { kind: "site", id: name };
    const near = room.layout.cameras.filter((camera) => {
      const { x, y } = this.#pixels(camera.place);
      return Math.hypot(x - spot.x, y - spot.y) * this.#ground.metresPerPx < AROUND_M;
    });
    return { kind: "place", id: pick(name, english || name), cameras: near.map((camera) => camera.id) };
  }

  // The unit whose order's line is so near.
  #sentAlong(spot: Point, reach: number): string | null {
    const { incidents, units } = stateNow();
    for (const order of incidents.filter(isOpen).flatMap((one) => ordersOf(one.id)).filter(isUnderWay)) {
      const unit = units.find((one) => one.id === order.unit_id);
      if (unit && awayFrom(spot, this.#pixels(unit), this.#pixels(order.destination)) <= reach) return unit.id;
    }
    return null;
  }

  // On scene a unit stands beside the mark it came for, not on it.
  #unitAt(unit: UnitOnMap): Point {
    const { x, y } = this.#pixels(unit);
    return { x: unit.state === "on_scene" ? x + 20 : x, y };
  }

  #showTip(target: EventTarget | null, at: Point): void {
    const { index, unit } = target instanceof SVGElement ? target.dataset : {};
    const text = index !== undefined ? cameraText(Number(index)) : unit !== undefined ? unitText(unit) : null;
    this.#tip.hidden = text === null;
    if (text === null) return;
    setText(this.#tip, text);
    const left = Math.min(at.x + 12, this.#node.clientWidth - this.#tip.offsetWidth - 8);
    this.#tip.style.transform = `translate(${Math.max(8, left).toFixed(0)}px, ${(at.y + 14).toFixed(0)}px)`;
  }
}

// The mark that a pointer is on.
function hitBy(target: EventTarget | null): { kind: MarkKind; id: string } | null {
  if (!(target instanceof SVGElement)) return null;
  const { index, unit } = target.dataset;
  const incident = target.closest<SVGElement>("[data-incident]")?.dataset.incident;
  if (incident !== undefined) return { kind: "incident", id: incident };
  if (unit !== undefined) return { kind: "unit", id: unit };
  const camera = index === undefined ? undefined : room.layout.cameras[Number(index)];
  return camera === undefined ? null : { kind: "camera", id: camera.id };
}

function cameraText(index: number): string | null {
  const camera = room.layout.cameras[index];
  if (camera === undefined) return null;
  const stands = seen(index);
  const { age: blind, people, failing } = stands;
  const why = whyUnseen(stands);
  const text = t("camera_title", {
    name: pick(camera.name, camera.name_en),
    id: camera.id,
    ring: word("ring", camera.ring),
    age: blind === null ? t("seen_never") : t("unseen_for", { age: age(blind) }),
    people: peopleText(people),
  });
  return why === null ? text : `${text} · ${t(failing === null ? "seen_blinded" : "seen_failing")}: ${why}`;
}

function unitText(id: string): string {
  const unit = stateNow().units.find((one) => one.id === id);
  return unit === undefined ? id : `${unitLabel(unit, serverNow())} · ${word("unit", unit.state)}`;
}

// The middle of the core (or of everything): the rings are drawn around it, each out to its farthest camera.
function originOf(cameras: CameraOnMap[]): Origin {
  const core = cameras.filter((camera) => camera.ring === "core");
  const among = core.length > 0 ? core : cameras;
  if (among.length === 0) return { latitude: 0, longitude: 0, shrink: 1 };
  const mean = (of: "latitude" | "longitude") => among.reduce((sum, { place }) => sum + place[of], 0) / among.length;
  const latitude = mean("latitude");
  return { latitude, longitude: mean("longitude"), shrink: Math.cos((latitude * Math.PI) / 180) };
}

// Beside the map's own corner.
function boxAround(node: Element, x: number, y: number): Box {
  const { left, right, top, bottom } = node.getBoundingClientRect();
  return { left: left - x, right: right - x, top: top - y, bottom: bottom - y };
}

// So many steps that a grid begins before the edge.
function reach(size: number, pitch: number): number {
  return Math.ceil(size / pitch) * pitch;
}

function hasToDo(unit: UnitOnMap): boolean {
  const order = orderOfUnit(unit);
  return unit.state === "on_scene" || (order !== null && isUnderWay(order));
}

// `angle`: degrees, clockwise from the top.
function along({ x, y }: Point, radius: number, angle: number): Point {
  const turned = (angle * Math.PI) / 180;
  return { x: x + Math.sin(turned) * radius, y: y - Math.cos(turned) * radius + 4 };
}

function bearing(from: Point, to: Point): number {
  return (Math.atan2(to.x - from.x, from.y - to.y) * 180) / Math.PI;
}

const HEAD_PX = 9;
const POST_PX = 11; // so far from the middle of a post an arrow to it ends
const MOVER_PX = 15;

// A line with a head, from beside one place to beside another.
function arrow(from: Point, to: Point): { way: string; head: string } {
  const far = Math.hypot(to.x - from.x, to.y - from.y);
  if (far < MOVER_PX + POST_PX + HEAD_PX) return { way: "", head: "" };
  const [x, y] = [(to.x - from.x) / far, (to.y - from.y) / far];
  const at = (along: number, aside: number) => `${(from.x + x * along - y * aside).toFixed(1)} ${(from.y + y * along + x * aside).toFixed(1)}`;
  const tip = far - POST_PX;
  return {
    way: `M${at(MOVER_PX, 0)}L${at(tip, 0)}`,
    head: `M${at(tip - HEAD_PX, HEAD_PX / 2)}L${at(tip, 0)}L${at(tip - HEAD_PX, -HEAD_PX / 2)}`,
  };
}

class UnitNode {
  readonly circle = svg("circle", { r: 9 });
  readonly arrow = svg("path");
  readonly label = svg("text");
  readonly node = svg("g", {}, this.circle, this.arrow);
  readonly name = svg("g", {}, this.label);

  // `names`: the layer of the names; that of the marks is its owner's.
  constructor(names: SVGElement) {
    names.append(this.name);
  }

  remove(): void {
    this.node.remove();
    this.name.remove();
  }
}

class IncidentNode {
  readonly #shape = svg("path", { class: "shape", transform: "translate(-9 -9) scale(1.125)" });
  readonly #title = svg("title");
  readonly node = svg("g", {}, svg("circle", { class: "halo", r: 22 }), this.#shape, this.#title);

  constructor(isSelected: boolean) {
    setAttribute(this.node, "data-selected", isSelected);
  }

  show(incident: Incident): void {
    setAttribute(this.node, "data-level", incident.level);
    setAttribute(this.node, "data-incident", incident.id);
    setAttribute(this.#shape, "d", markPath(incident.level));
    setText(this.#title, titleOf(incident));
  }

  remove(): void {
    this.node.remove();
  }
}

function unitLabel(unit: UnitOnMap, now: number): string {
  const name = pick(unit.name, unit.name_en);
  const order = orderOfUnit(unit);
  if (!order || !isUnderWay(order)) return name;
  const left = order.eta_s - (now - Date.parse(order.sent_at)) / 1000;
  return `${name} · ${left < 0 ? "+" : ""}${minutes(Math.abs(left))}`;
}

function mapButton(label: string, onClick: () => void, spoken = label): HTMLButtonElement {
  const button = el("button", { type: "button", class: "quiet", "aria-label": spoken, title: spoken }, label);
  button.addEventListener("click", onClick);
  return button;
}

type Shown = SVGElement | { node: SVGElement; remove(): void };

// Keeps what shows each thing, by its id.
function sync<Thing extends { id: string }, Kind extends Shown>(
  shown: Map<string, Kind>, layer: SVGElement, things: Thing[], make: (thing: Thing) => Kind, show: (shown: Kind, thing: Thing) => void,
): void {
  const ids = new Set(things.map((thing) => thing.id));
  for (const [id, one] of shown) {
    if (ids.has(id)) continue;
    one.remove();
    shown.delete(id);
  }
  for (const thing of things) {
    const one = shown.get(thing.id) ?? make(thing);
    if (!shown.has(thing.id)) {
      shown.set(thing.id, one);
      layer.append(nodeOf(one));
    }
    show(one, thing);
  }
}

function nodeOf(shown: Shown): SVGElement {
  return shown instanceof SVGElement ? shown : shown.node;
}
