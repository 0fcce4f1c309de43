// The map: cameras as wedges that show where they look, units, orders and incidents, drawn in metres.

import { el, markPath, setAttribute, setText, svg } from "./dom.js";
import { pick, t, word } from "./words.js";
import { age, minutes, serverNow } from "./times.js";
import { targetText } from "./countdown.js";
import { placeLabels } from "./labels.js";
import { boundOf, incidentById, isMaintenance, isOpen, orderOfUnit, ordersOf, peopleText, room, seen, titleOf } from "./room.js";
import { moveUp } from "./cover.js";
import { pinOf } from "./pins.js";

const METRES_PER_DEGREE = 111195;
const MARGIN_PX = 26;
const MAX_ZOOM = 12;
const RINGS = ["far", "periphery", "core"];
const LEAST_REACH_M = 50;
const NAMES_FROM = 1.3; // farther away only who has something to do is named: the middle would be full of names

export class RoomMap {
  #zoom = 1;
  #pan = { x: 0, y: 0 };
  #origin = { latitude: 0, longitude: 0, shrink: 1 };
  #reach = {}; // ring -> radius in metres
  #wedges = [];
  #units = new Map();
  #incidents = new Map();
  #orders = new Map();
  #selected = null;
  #isBegun = false;

  constructor(node, onSelect) {
    this.node = node;
    this.onSelect = onSelect;
    this.layers = Object.fromEntries(
      ["grid", "rings", "cameras", "ring-names", "orders", "move-up", "units", "incidents"].map((name) => [name, svg("g", { class: name })]),
    );
    this.move = {
      way: svg("path", { class: "way" }),
      head: svg("path", { class: "head" }),
      post: svg("circle", { class: "post", r: 8 }),
      mover: svg("circle", { class: "mover", r: 14 }),
    };
    this.layers["move-up"].append(...Object.values(this.move));
    this.picture = svg("svg", { role: "img" }, ...Object.values(this.layers));
    this.tip = el("p", { class: "tip", hidden: true });
    this.legend = el("ul", { class: "legend" });
    this.scale = el("p", { class: "scale" }, el("i"), el("span"));
    this.buttons = el("div", { class: "map-buttons" });
    node.append(this.picture, this.buttons, this.legend, this.scale, this.tip);
    this.#watchPointer();
    new ResizeObserver(() => this.#draw()).observe(node);
  }

  // The furniture: called when the layout came or changed, and when the language changed.
  furnish() {
    const { cameras } = room.layout;
    this.#origin = originOf(cameras);
    const { rings } = room.layout;
    this.#reach = Object.fromEntries(rings.map((ring) => [ring.name, this.#reachOf(ring.name)]));
    this.#wedges = cameras.map((camera, index) => this.#wedge(camera, index));
    this.layers.cameras.replaceChildren(...this.#wedges);
    const drawn = RINGS.filter((name) => this.#reach[name]);
    const names = drawn.map((name) => {
      const target = rings.find((ring) => ring.name === name).response_target_s;
      return svg("text", { "data-ring": name }, `${word("ring", name)} · ${targetText(target)}`);
    });
    this.layers.rings.replaceChildren(...drawn.map((name) => svg("g", { "data-ring": name }, svg("circle"))));
    this.layers["ring-names"].replaceChildren(...names);
    this.#furnishButtons();
    this.#furnishLegend();
    this.#draw();
  }

  update() {
    const { state } = room;
    this.#wedges.forEach((wedge, index) => this.#showWedge(wedge, index));
    const open = state.incidents.filter(isOpen);
    const units = this.#units.size;
    sync(this.#units, this.layers.units, state.units, () => unitNode(), (node, unit) => this.#showUnit(node, unit));
    sync(this.#incidents, this.layers.incidents, open, (one) => this.#incidentNode(one), (node, one) => {
      setAttribute(node, "data-level", one.level);
      setAttribute(node.children[1], "d", markPath(one.level));
      setText(node.children[2], titleOf(one));
    });
    const orders = open.flatMap((one) => ordersOf(one.id)).filter(isUnderWay);
    sync(this.#orders, this.layers.orders, orders, () => svg("line"), (node, order) => {
      setAttribute(node, "data-state", order.state);
    });
    const counts = { cameras: room.layout.cameras.length, units: state.units.length, incidents: open.length };
    setAttribute(this.picture, "aria-label", t("map_label", counts));
    this.#begin(open);
    if (this.#units.size > units) this.#still(); // who is new stands there at once, and does not glide in from the corner
    else this.#place();
  }

  // At first what matters most is looked at: the core, or out to where something is going on.
  #begin(open) {
    if (this.#isBegun || this.node.clientWidth === 0) return;
    this.#isBegun = true;
    const rings = RINGS.filter((name) => this.#reach[name]);
    const widest = rings.find((name) => open.some((one) => one.ring === name && !isMaintenance(one)));
    if (rings.length > 0) this.#look(widest ?? rings.at(-1));
  }

  select(id) {
    this.#selected = id;
    const incident = incidentById(id);
    if (incident !== null && this.#reach[incident.ring] && !this.#isInside(this.#pixels(incident.place))) this.#look(incident.ring);
    for (const [incident, node] of this.#incidents) setAttribute(node, "data-selected", incident === id);
  }

  #isInside({ x, y }) {
    return x >= 0 && y >= 0 && x <= this.node.clientWidth && y <= this.node.clientHeight;
  }

  tick(now) {
    for (const unit of room.state.units) {
      const node = this.#units.get(unit.id);
      if (node) setText(node.children[2], unitLabel(unit, now));
    }
  }

  #reachOf(ring) {
    const inside = room.layout.cameras.filter((camera) => camera.ring === ring);
    return inside.reduce((most, { place }) => {
      const { x, y } = this.#metres(place);
      return Math.max(most, Math.hypot(x, y));
    }, 0);
  }

  #metres({ latitude, longitude }) {
    const origin = this.#origin;
    return {
      x: (longitude - origin.longitude) * METRES_PER_DEGREE * origin.shrink,
      y: (origin.latitude - latitude) * METRES_PER_DEGREE,
    };
  }

  get #pxPerMetre() {
    const { clientWidth, clientHeight } = this.node;
    const reach = Math.max(LEAST_REACH_M, ...Object.values(this.#reach));
    // Never nothing or less, however small the map is: the grid would be drawn without an end.
    return (Math.max(1, Math.min(clientWidth, clientHeight) / 2 - MARGIN_PX) / reach) * this.#zoom;
  }

  #pixels(place) {
    const { x, y } = this.#metres(place);
    const scale = this.#pxPerMetre;
    return {
      x: this.node.clientWidth / 2 + (x - this.#pan.x) * scale,
      y: this.node.clientHeight / 2 + (y - this.#pan.y) * scale,
    };
  }

  #wedge(camera, index) {
    const half = (Math.min(110, Math.max(36, camera.view_deg)) / 2) * (Math.PI / 180);
    const [x, y] = [Math.sin(half) * 10, -Math.cos(half) * 10];
    // The tip is the camera; it opens to where it looks. Pulled back a little, so that it sits on its place.
    const path = `M0 4L${x.toFixed(2)} ${(y + 4).toFixed(2)}A10 10 0 0 0 ${(-x).toFixed(2)} ${(y + 4).toFixed(2)}Z`;
    return svg("path", { d: path, "data-index": index });
  }

  #showWedge(wedge, index) {
    const { age: blind, tone } = seen(index);
    const camera = room.layout.cameras[index];
    const bound = boundOf(camera);
    setAttribute(wedge, "data-tone", tone);
    setAttribute(wedge, "data-pinned", pinOf(camera.id) !== null);
    // Just seen is bright and fades until it is seen again: the tour is visible as a slow glimmer.
    const faded = blind === null ? 1 : Math.min(1, blind / bound);
    wedge.style.setProperty("--fresh", tone === "ok" ? (1 - 0.62 * faded).toFixed(2) : "1");
  }

  #showUnit(node, unit) {
    setAttribute(node, "data-state", unit.state);
    const order = orderOfUnit(unit);
    const heading = order && isUnderWay(order) ? bearing(this.#metres(unit), this.#metres(order.destination)) : null;
    setAttribute(node.children[1], "transform", heading === null ? null : `rotate(${heading.toFixed(0)})`);
    setAttribute(node.children[1], "d", heading === null ? "M-3 0A3 3 0 1 0 3 0A3 3 0 1 0-3 0Z" : "M0-5.5L4 4.5L0 2L-4 4.5Z");
    setAttribute(node, "data-simulated", unit.simulated);
    setAttribute(node.firstElementChild, "data-unit", unit.id);
    setText(node.children[2], unitLabel(unit, serverNow())); // its place is found by its length
    this.#raise(node, hasToDo(unit));
  }

  // Who has something to do is drawn over the others, or their marks would stand on its name.
  #raise(node, matters) {
    const before = "matters" in node.dataset;
    setAttribute(node, "data-matters", matters);
    if (matters && !before) this.layers.units.append(node);
  }

  #incidentNode(incident) {
    const node = svg("g", { "data-selected": incident.id === this.#selected });
    const shape = svg("path", { class: "shape", transform: "translate(-9 -9) scale(1.125)" });
    node.append(svg("circle", { class: "halo", r: 22 }), shape, svg("title"));
    node.addEventListener("click", () => this.onSelect(incident.id));
    return node;
  }

  #draw() {
    if (this.node.clientWidth === 0) return;
    setAttribute(this.picture, "viewBox", `0 0 ${this.node.clientWidth} ${this.node.clientHeight}`);
    this.#drawRings();
    this.#drawGrid();
    const size = Math.min(1.5, Math.max(0.62, 0.72 * Math.sqrt(this.#zoom)));
    room.layout.cameras.forEach((camera, index) => {
      const { x, y } = this.#pixels(camera.place);
      const placed = `translate(${x.toFixed(1)} ${y.toFixed(1)}) rotate(${camera.heading_deg}) scale(${size.toFixed(2)})`;
      setAttribute(this.#wedges[index], "transform", placed);
    });
    this.#place();
  }

  #drawRings() {
    const centre = this.#pixels(this.#origin);
    [...this.layers.rings.children].forEach((node, place) => {
      const radius = (this.#reach[node.dataset.ring] + 12) * this.#pxPerMetre;
      const circle = node.firstElementChild;
      const label = this.layers["ring-names"].children[place];
      for (const [name, value] of Object.entries({ cx: centre.x, cy: centre.y, r: radius })) {
        setAttribute(circle, name, value.toFixed(1));
      }
      setAttribute(label, "x", centre.x.toFixed(1));
      setAttribute(label, "y", (centre.y - radius + 14).toFixed(1));
    });
  }

  // A faint grid with its scale written beside it: without roads it is what gives a sense of distance.
  #drawGrid() {
    const step = [25, 50, 100, 200, 500, 1000, 2000, 5000].find((one) => one * this.#pxPerMetre >= 52) ?? 10000;
    const { clientWidth: width, clientHeight: height } = this.node;
    const pitch = step * this.#pxPerMetre;
    const zero = this.#pixels(this.#origin);
    const lines = [];
    for (let x = zero.x % pitch; x < width; x += pitch) lines.push(`M${x.toFixed(1)} 0V${height}`);
    for (let y = zero.y % pitch; y < height; y += pitch) lines.push(`M0 ${y.toFixed(1)}H${width}`);
    this.layers.grid.replaceChildren(svg("path", { d: lines.join("") }));
    this.scale.children[0].style.width = `${pitch.toFixed(0)}px`;
    setText(this.scale.children[1], step >= 1000 ? `${step / 1000} km` : `${step} m`);
  }

  #place() {
    if (room.state === null || this.node.clientWidth === 0) return;
    this.#placeUnits();
    for (const incident of room.state.incidents) {
      const node = this.#incidents.get(incident.id);
      const { x, y } = this.#pixels(incident.place);
      if (node) setAttribute(node, "transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
    }
    for (const [id, node] of this.#orders) this.#placeOrder(id, node);
    this.#placeMoveUp();
  }

  // From the unit that may be moved, around which is a circle, to the edge of the one around the post.
  #placeMoveUp() {
    const proposal = moveUp();
    const unit = proposal && room.state.units.find((one) => one.id === proposal.unit_id);
    setAttribute(this.layers["move-up"], "visibility", unit ? null : "hidden");
    if (!unit) return;
    const [from, to] = [this.#pixels(unit), this.#pixels(proposal.post.place)];
    const { way, head, post, mover } = this.move;
    const drawn = arrow(from, to);
    setAttribute(way, "d", drawn.way);
    setAttribute(head, "d", drawn.head);
    for (const [circle, at] of [[post, to], [mover, from]]) {
      setAttribute(circle, "cx", at.x.toFixed(1));
      setAttribute(circle, "cy", at.y.toFixed(1));
    }
  }

  #placeUnits() {
    const placed = [];
    for (const unit of room.state.units) {
      const node = this.#units.get(unit.id);
      if (!node) continue;
      const { x, y } = this.#pixels(unit);
      // On scene a unit stands beside the mark it came for, not on it.
      const at = { x: unit.state === "on_scene" ? x + 20 : x, y };
      node.style.transform = `translate(${at.x.toFixed(1)}px, ${at.y.toFixed(1)}px)`;
      const [label, matters] = [node.children[2], hasToDo(unit)];
      if (matters || this.#zoom >= NAMES_FROM) placed.push({ label, at, matters });
      else setAttribute(label, "visibility", "hidden");
    }
    const marks = room.state.incidents.filter(isOpen).map((incident) => this.#pixels(incident.place));
    placeLabels(placed, marks, [...this.layers["ring-names"].children], this.node.clientWidth);
  }

  #placeOrder(id, node) {
    const order = Object.values(room.state.orders).flat().find((one) => one.id === id);
    const unit = order && room.state.units.find((one) => one.id === order.unit_id);
    setAttribute(node, "visibility", unit ? null : "hidden");
    if (!unit) return;
    const [from, to] = [this.#pixels(unit), this.#pixels(order.destination)];
    for (const [name, value] of Object.entries({ x1: from.x, y1: from.y, x2: to.x, y2: to.y })) {
      setAttribute(node, name, value.toFixed(1));
    }
  }

  #furnishButtons() {
    const views = [...RINGS].reverse().filter((name) => this.#reach[name]);
    const buttons = views.map((name) => {
      const label = name === views.at(-1) ? t("whole_area") : word("ring", name);
      return mapButton(label, () => this.#look(name));
    });
    const closer = mapButton("+", () => this.#zoomBy(1.5), t("zoom_in"));
    const wider = mapButton("−", () => this.#zoomBy(1 / 1.5), t("zoom_out"));
    this.buttons.replaceChildren(...buttons, closer, wider);
  }

  #furnishLegend() {
    const tones = ["ok", "soon", "late", "failing", "never"].map((tone) =>
      el("li", { "data-tone": tone }, svg("svg", { viewBox: "-8 -8 16 16" }, svg("path", { d: "M0 6L6-4A11 11 0 0 0-6-4Z" })), t(`seen_${tone}`)),
    );
    const unit = el("li", { class: "unit-key" }, el("i"), t("units"));
    this.legend.replaceChildren(el("li", { class: "what" }, t("blind_age")), ...tones, unit);
  }

  #look(ring) {
    const [widest, reach] = [Math.max(...Object.values(this.#reach)), this.#reach[ring]].map((far) => Math.max(LEAST_REACH_M, far));
    this.#zoom = Math.min(MAX_ZOOM, widest / reach);
    this.#pan = { x: 0, y: 0 };
    this.#still();
  }

  #zoomBy(factor, at = null) {
    const before = this.#pxPerMetre;
    this.#zoom = Math.min(MAX_ZOOM, Math.max(0.7, this.#zoom * factor));
    if (at !== null) {
      const share = 1 / before - 1 / this.#pxPerMetre;
      this.#pan.x += (at.x - this.node.clientWidth / 2) * share;
      this.#pan.y += (at.y - this.node.clientHeight / 2) * share;
    }
    this.#still();
  }

  // Units glide between two messages, but must not when it is the map that moves.
  #still() {
    this.picture.classList.add("still");
    this.#draw();
    requestAnimationFrame(() => requestAnimationFrame(() => this.picture.classList.remove("still")));
  }

  #watchPointer() {
    let from = null;
    const at = (event) => {
      const box = this.node.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    this.picture.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.#zoomBy(event.deltaY < 0 ? 1.15 : 1 / 1.15, at(event));
    }, { passive: false });
    this.picture.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "touch" && event.button === 0) from = at(event);
    });
    this.picture.addEventListener("pointermove", (event) => {
      this.#showTip(event.target, at(event));
      if (from === null) return;
      const to = at(event);
      this.#pan.x -= (to.x - from.x) / this.#pxPerMetre;
      this.#pan.y -= (to.y - from.y) / this.#pxPerMetre;
      from = to;
      this.#still();
    });
    for (const kind of ["pointerup", "pointerleave", "pointercancel"]) {
      this.picture.addEventListener(kind, () => (from = null));
    }
    this.picture.addEventListener("pointerleave", () => (this.tip.hidden = true));
  }

  #showTip(target, at) {
    const { index, unit } = target.dataset ?? {};
    this.tip.hidden = index === undefined && unit === undefined;
    if (this.tip.hidden) return;
    setText(this.tip, index === undefined ? unitText(unit) : cameraText(Number(index)));
    const left = Math.min(at.x + 12, this.node.clientWidth - this.tip.offsetWidth - 8);
    this.tip.style.transform = `translate(${Math.max(8, left).toFixed(0)}px, ${(at.y + 14).toFixed(0)}px)`;
  }
}

function cameraText(index) {
  const camera = room.layout.cameras[index];
  const { age: blind, people, failing } = seen(index);
  const text = t("camera_title", {
    name: pick(camera.name, camera.name_en),
    id: camera.id,
    ring: word("ring", camera.ring),
    age: blind === null ? t("seen_never") : t("unseen_for", { age: age(blind) }),
    people: peopleText(people),
  });
  return failing === null ? text : `${text} · ${t("seen_failing")}: ${word("failing", failing)}`;
}

function unitText(id) {
  const unit = room.state.units.find((one) => one.id === id);
  return unit === undefined ? id : `${unitLabel(unit, serverNow())} · ${word("unit", unit.state)}`;
}

// The middle of the core (or of everything): the rings are drawn around it, each out to its farthest camera.
function originOf(cameras) {
  const core = cameras.filter((camera) => camera.ring === "core");
  const among = core.length > 0 ? core : cameras;
  if (among.length === 0) return { latitude: 0, longitude: 0, shrink: 1 };
  const mean = (of) => among.reduce((sum, { place }) => sum + place[of], 0) / among.length;
  const latitude = mean("latitude");
  return { latitude, longitude: mean("longitude"), shrink: Math.cos((latitude * Math.PI) / 180) };
}

function isUnderWay(order) {
  return ["sent", "doubted", "accepted", "en_route"].includes(order.state);
}

function hasToDo(unit) {
  const order = orderOfUnit(unit);
  return unit.state === "on_scene" || (order !== null && isUnderWay(order));
}

function bearing(from, to) {
  return (Math.atan2(to.x - from.x, from.y - to.y) * 180) / Math.PI;
}

const HEAD_PX = 9;
const POST_PX = 11; // so far from the middle of a post an arrow to it ends
const MOVER_PX = 15;

// A line with a head, from beside one place to beside another.
function arrow(from, to) {
  const far = Math.hypot(to.x - from.x, to.y - from.y);
  if (far < MOVER_PX + POST_PX + HEAD_PX) return { way: "", head: "" };
  const [x, y] = [(to.x - from.x) / far, (to.y - from.y) / far];
  const at = (along, aside) => `${(from.x + x * along - y * aside).toFixed(1)} ${(from.y + y * along + x * aside).toFixed(1)}`;
  const tip = far - POST_PX;
  return {
    way: `M${at(MOVER_PX, 0)}L${at(tip, 0)}`,
    head: `M${at(tip - HEAD_PX, HEAD_PX / 2)}L${at(tip, 0)}L${at(tip - HEAD_PX, -HEAD_PX / 2)}`,
  };
}

function unitNode() {
  return svg("g", {}, svg("circle", { r: 9 }), svg("path"), svg("text"));
}

function unitLabel(unit, now) {
  const name = pick(unit.name, unit.name_en);
  const order = orderOfUnit(unit);
  if (!order || !isUnderWay(order)) return name;
  const left = order.eta_s - (now - Date.parse(order.sent_at)) / 1000;
  return `${name} · ${left < 0 ? "+" : ""}${minutes(Math.abs(left))}`;
}

function mapButton(label, onClick, spoken = label) {
  const button = el("button", { type: "button", class: "quiet", "aria-label": spoken, title: spoken }, label);
  button.addEventListener("click", onClick);
  return button;
}

// Keeps one node per thing, by id.
function sync(nodes, layer, things, make, show) {
  const ids = new Set(things.map((thing) => thing.id));
  for (const [id, node] of [...nodes]) {
    if (ids.has(id)) continue;
    node.remove();
    nodes.delete(id);
  }
  for (const thing of things) {
    if (!nodes.has(thing.id)) {
      nodes.set(thing.id, make(thing));
      layer.append(nodes.get(thing.id));
    }
    show(nodes.get(thing.id), thing);
  }
}
