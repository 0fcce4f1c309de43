// The only door to the document: text goes in as text, never as markup.

import type { Level } from "./api";

const SVG = "http://www.w3.org/2000/svg";

type Attribute = string | number | boolean | null | undefined;
export type Attributes = Record<string, Attribute>;
export type Child = Node | string | null | undefined;

function fill<E extends Element>(node: E, attributes: Attributes, children: Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...present(children));
  return node;
}

// What is left out is not written: the document would say "null".
function present(children: Child[]): (Node | string)[] {
  return children.filter((child) => child !== null && child !== undefined);
}

export function el<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag, attributes: Attributes = {}, ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  return fill(document.createElement(tag), attributes, children);
}

export function svg<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag, attributes: Attributes = {}, ...children: Child[]
): SVGElementTagNameMap[Tag] {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

// What index.html holds under an id. That it is missing is a mistake of ours, not a state of the page.
export function byId(id: string): HTMLElement;
export function byId<Kind extends Element>(id: string, kind: new () => Kind): Kind;
export function byId(id: string, kind: new () => Element = HTMLElement): Element {
  const node = document.getElementById(id);
  if (!(node instanceof kind)) throw new TypeError(`expected #${id} to be a ${kind.name}`);
  return node;
}

// A node's child by its place, as it was made.
export function part(node: Element, place: number): HTMLElement {
  return node.children[place] as HTMLElement;
}

// Writing only what changed keeps selections, screen readers and the layout calm.
export function setText(node: Node, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node: Element, name: string, value: Attribute): void {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
    return;
  }
  const text = value === true ? "" : String(value);
  if (node.getAttribute(name) !== text) node.setAttribute(name, text);
}

// Rebuilds a node's content only when what it is made from has changed. The focus goes to what says the same as before.
export function rebuild(node: HTMLElement, from: unknown, make: () => Child[]): void {
  const signature = JSON.stringify(from);
  if (node.dataset.signature === signature) return;
  node.dataset.signature = signature;
  const focused = document.activeElement;
  const held = focused !== null && focused !== node && node.contains(focused) ? focused : null;
  node.replaceChildren(...present(make()));
  const heir = held && alike(node, held);
  if (heir instanceof HTMLElement) heir.focus({ preventScroll: true });
}

// Makes these a node's children, in this order. What stands right already is not touched, and the focus stays.
export function order(node: Element, wanted: Element[]): void {
  const focused = document.activeElement;
  wanted.forEach((child, place) => {
    const stands = node.children[place] ?? null;
    if (stands !== child) node.insertBefore(child, stands);
  });
  while (node.children.length > wanted.length) node.lastElementChild?.remove();
  const isLost = focused !== document.activeElement && node.contains(focused);
  if (isLost && focused instanceof HTMLElement) focused.focus({ preventScroll: true });
}

// What stands in a node for what was replaced: of the same kind, and called the same.
export function alike(node: Element, replaced: Element): Element | null {
  const called = calledOf(replaced);
  return [...node.querySelectorAll(replaced.localName)].find((one) => calledOf(one) === called) ?? null;
}

function calledOf(node: Element): string {
  return [node.id, node.getAttribute("name"), node.getAttribute("aria-label") ?? node.textContent].join(" ");
}

const MARKS: Record<Level, string> = {
  red: "M8 1.2 15.4 14.4H0.6Z",
  yellow: "M8 0.6 15.4 8 8 15.4 0.6 8Z",
  blue: "M8 1a7 7 0 1 1 0 14a7 7 0 1 1 0-14Z",
  green: "M1.8 1.8H14.2V14.2H1.8Z",
};

export function markPath(level: Level): string {
  return MARKS[level] ?? MARKS.blue;
}

// A level as colour and shape; `label` is read aloud, where its word does not stand beside it.
export function mark(level: Level, label: string): SVGSVGElement {
  const spoken = label === "" ? { "aria-hidden": "true" } : { role: "img", "aria-label": label };
  return svg("svg", { class: "mark", viewBox: "0 0 16 16", "data-level": level, ...spoken }, svg("path", { d: markPath(level) }));
}
