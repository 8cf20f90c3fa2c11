// The frame of a chart: heading, legend, what lies under the cursor, buttons for what gestures do, and the table behind it.

import { draw, make, mark } from "./dom.js";
import { count } from "./format.js";

const ROWS = 1000;
let number = 0;

/**
 * A `<figure>` with `plot` to draw in and `reading` to tell what lies under the cursor.
 *
 * `table()` gives `{columns: [names], rows: [[texts]]}` of what is drawn; `buttons` are put beside the heading. Call `changed` when the data
 * have, so that a table that is open follows.
 */
export function figure({ title, table, buttons = [], hint = "" }) {
  const id = `chart-${++number}`;
  const plot = make("div", { class: "plot" });
  const reading = make("p", { class: "reading" });
  const legend = make("ul", { class: "legend" });
  const rows = make("div", { class: "scroll", id: `${id}-table`, tabindex: "0", role: "region", "aria-label": `${title}: table`, hidden: true });
  const toggle = make("button", {
    class: "small", type: "button", "aria-expanded": "false", "aria-controls": rows.id,
    onclick() {
      rows.hidden = !rows.hidden;
      mark(toggle, "aria-expanded", String(!rows.hidden));
      fill();
    },
  }, "Table", make("span", { class: "unseen" }, ` of ${title}`));
  const element = make("figure", { class: "chart", "aria-labelledby": id },
    make("figcaption", {}, make("h2", { id }, title), ...buttons, toggle, legend),
    plot, reading, hint && make("p", { class: "hint" }, hint), rows);

  function fill() {
    if (!rows.hidden) rows.replaceChildren(...tableOf(title, table()));
  }
  return { element, plot, reading, legend, changed: fill };
}

function tableOf(title, { columns, rows }) {
  const shown = rows.slice(-ROWS);
  const note = rows.length > ROWS ? `The last ${count(ROWS)} of ${count(rows.length)} drawn points; zoom in to see others.` : "";
  return [
    note && make("p", { class: "hint" }, note),
    make("table", { class: "rows" },
      make("caption", { class: "unseen" }, title),
      make("thead", {}, make("tr", {}, ...columns.map((name) => make("th", { scope: "col", "data-number": true }, name)))),
      make("tbody", {}, ...shown.map((row) => make("tr", {}, ...row.map((text) => make("td", { "data-number": true }, text)))))),
  ];
}

/** What a line looks like, with its name; to be put into a legend. */
export function key(label, token, { dash = "", hollow = false, dot = false } = {}) {
  const stroke = `var(--${token})`;
  const line = draw("line", { x1: 0, y1: 6, x2: 22, y2: 6, "stroke-width": 2, "stroke-dasharray": dash || null });
  const point = dot && draw("circle", { cx: 11, cy: 6, r: 3.2, "stroke-width": 1.6 });
  line.style.stroke = stroke;
  if (point) {
    point.style.stroke = stroke;
    point.style.fill = hollow ? "var(--surface)" : stroke;
  }
  return make("li", {}, draw("svg", { width: 22, height: 12, "aria-hidden": "true" }, line, point), make("span", {}, label));
}
