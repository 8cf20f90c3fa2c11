// Makes elements. Whatever comes from outside (names, reasons, protocols) becomes a text node: there is no other way in.

const SVG = "http://www.w3.org/2000/svg";

/** An element: `make("p", {class: "quiet", onclick: f}, "text", child)`; null, false and undefined children are left out. */
export function make(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/**
 * A table of things, which becomes a list of cards on a narrow screen.
 *
 * `columns`: `{name: {number, whole, unseen}}`; each row a list of contents in their order, or `{cells, ...attributes}`.
 */
export function tableOf(caption, columns, rows) {
  const names = Object.entries(columns);
  const heads = names.map(([name, { number, unseen }]) => make("th", { scope: "col", "data-number": number }, unseen ? make("span", { class: "unseen" }, name) : name));
  const cell = (content, n) => {
    const [name, { number, whole, unseen }] = names[n];
    return make("td", { "data-name": unseen ? "" : name, "data-number": number, class: whole ? "whole" : null }, content);
  };
  const row = ({ cells, ...attributes }) => make("tr", attributes, ...cells.map(cell));
  return make("table", { class: "rows cards" },
    make("caption", { class: "unseen" }, caption), make("thead", {}, make("tr", {}, ...heads)),
    make("tbody", {}, ...rows.map(row)));
}

/** An element of a drawing. */
export function draw(tag, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Set the text of an element, touching the document only if it differs. */
export function say(element, text) {
  const only = element.childNodes.length === 1 ? element.firstChild : null;
  if (only?.nodeType !== Node.TEXT_NODE) element.textContent = text;
  else if (only.data !== text) only.data = text;
}

/** Set or drop an attribute, touching the document only if it differs. */
export function mark(element, name, value) {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/** The colour that a token of the style sheet has in the present theme. */
export function colour(token) {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(--${token})`;
  return getComputedStyle(probe).color;
}

const probe = make("span", { hidden: true, "aria-hidden": "true" });
