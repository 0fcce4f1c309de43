// The only door to the document: text goes in as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...present(children));
  return node;
}

// What is left out is not written: the document would say "null".
function present(children) {
  return children.filter((child) => child !== null && child !== undefined);
}

export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

// Writing only what changed keeps selections, screen readers and the layout calm.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node, name, value) {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
    return;
  }
  const text = value === true ? "" : String(value);
  if (node.getAttribute(name) !== text) node.setAttribute(name, text);
}

// Rebuilds a node's content only when what it is made from has changed.
export function rebuild(node, from, make) {
  const signature = JSON.stringify(from);
  if (node.dataset.signature === signature) return;
  node.dataset.signature = signature;
  node.replaceChildren(...present(make()));
}

const MARKS = {
  red: "M8 1.2 15.4 14.4H0.6Z",
  yellow: "M8 0.6 15.4 8 8 15.4 0.6 8Z",
  blue: "M8 1a7 7 0 1 1 0 14a7 7 0 1 1 0-14Z",
  green: "M1.8 1.8H14.2V14.2H1.8Z",
};

export function markPath(level) {
  return MARKS[level] ?? MARKS.blue;
}

// A level as colour and shape; `label` is read aloud.
export function mark(level, label) {
  const attributes = { class: "mark", viewBox: "0 0 16 16", "data-level": level, role: "img", "aria-label": label };
  return svg("svg", attributes, svg("path", { d: markPath(level) }));
}
