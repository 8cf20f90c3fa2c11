// Lines over time or over cycles, drawn by uPlot: colours of the theme, marks for events, gestures and their keys.

import uPlot from "../vendor/uplot/uPlot.esm.js";
import { clock, prefix, ticks, timeSteps, timeTicks, timeTitle } from "./axes.js";
import { colour, make, mark } from "./dom.js";
import { theme } from "./theme.js";

const FONT = "12px system-ui, sans-serif";
const DASH = { dashed: [6, 4], dotted: [2, 3], long: [12, 4] };
const ROOMY_px = 7; // points are drawn when they are at least so far apart

/**
 * One plot.
 *
 * `lines`: `{label, token, dash, dots, hollow}` each; `over`: `time` or `cycle`; `quantity` as in axes.js;
 * `zoom`: told `(from, to)` or `(null)` for all; `read(place)`: told what lies under the cursor, or null.
 */
export class LineChart {
  exact = true;
  marks = [];

  constructor(host, { label, lines, over, quantity, height = 240, zoom = null, read = null, sync = null }) {
    Object.assign(this, { host, lines, over, quantity, height, zoom, read });
    mark(host, "tabindex", "0");
    mark(host, "role", "group");
    mark(host, "aria-roledescription", "chart");
    mark(host, "aria-label", label);
    this.plot = new uPlot(this.#options(sync), [[], ...lines.map(() => [])], host);
    this.#size = new ResizeObserver(() => this.plot.setSize({ width: host.clientWidth, height: this.height }));
    this.#size.observe(host);
    this.#repaint = () => this.plot.redraw(false);
    theme.addEventListener("theme", this.#repaint);
    if (zoom) this.#gestures();
  }
  #size;
  #repaint;
  #range = null;
  #y = [0, 1];

  /** How many points across are worth drawing. */
  get across() {
    return Math.max(100, Math.round(this.plot.bbox.width || this.host.clientWidth));
  }

  /** Draw these columns, x first; `range` is what is seen of x, all if it is null. */
  show(columns, range = null) {
    this.#range = range;
    this.plot.batch(() => {
      this.plot.setData(columns, false);
      this.#scale(columns[0]);
    });
    mark(this.host, "data-drawn", Number(this.host.dataset.drawn ?? 0) + 1);
  }

  /** See another part of what is drawn. */
  look(from, to) {
    this.#range = [from, to];
    this.plot.setScale("x", { min: from, max: to });
  }

  /** Mark moments: `{x, token, dashed, name}`. */
  note(marks) {
    this.marks = marks;
    this.plot.redraw(false);
  }

  /** Let go of everything. */
  close() {
    this.#size.disconnect();
    theme.removeEventListener("theme", this.#repaint);
    this.plot.destroy();
  }

  #scale(x) {
    let [min, max] = this.#range ?? [x.length ? x[0] : 0, x.length ? x[x.length - 1] : 1];
    if (this.over === "cycle") [min, max] = [min - 0.5, max + 0.5];
    if (min === max) max = min + 1;
    const air = this.over === "time" && !this.#range ? (max - min) * 0.012 : 0; // what is decided at the very end is seen too
    this.plot.setScale("x", { min: min - air, max: max + air });
  }

  #options(sync) {
    const axis = { font: FONT, labelFont: FONT, stroke: () => colour("quiet"), grid: { stroke: () => colour("grid"), width: 1 }, ticks: { stroke: () => colour("grid"), width: 1 } };
    const [across, up] = [this.over === "time" ? this.#timeAxis() : { label: "cycle", labelSize: 20, size: 34, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000] }, this.#valueAxis()];
    return {
      width: this.host.clientWidth || 600,
      height: this.height,
      legend: { show: false },
      scales: { x: { time: false }, y: { range: (_, least, most) => (this.#y = padded(this.quantity, least, most)) } },
      cursor: {
        x: true, y: false, drag: { x: Boolean(this.zoom), y: false, setScale: false, dist: 5 },
        bind: { dblclick: () => () => this.zoom?.(null) },
        ...(sync && { sync: { key: sync } }),
        points: { size: 7, fill: (_, place) => colour(this.lines[place - 1].token) },
      },
      axes: [{ ...axis, ...across }, { ...axis, ...up }],
      series: [{}, ...this.lines.map((line) => this.#series(line))],
      hooks: {
        draw: [(plot) => this.#drawMarks(plot)],
        setSelect: [(plot) => this.#selected(plot)],
        setCursor: [(plot) => this.read?.(plot.cursor.idx ?? null)],
      },
    };
  }

  #series({ label, token, dash, dots = false, hollow = false }) {
    const show = (_, __, from, to) => dots || (this.exact && to - from < this.across / devicePixelRatio / ROOMY_px);
    return {
      label, width: 1.5, stroke: () => colour(token), dash: DASH[dash], spanGaps: dots,
      points: { show, size: dots ? 6 : 5, width: 1.4, stroke: () => colour(token), fill: () => colour(hollow ? "surface" : token) },
    };
  }

  #timeAxis() {
    const span = (plot) => plot.scales.x.max - plot.scales.x.min;
    return {
      label: (plot) => timeTitle(span(plot)), labelSize: 20, size: 34, space: 70, incrs: timeSteps,
      values: (plot, values, _, __, step) => timeTicks(values, step, span(plot)),
    };
  }

  #valueAxis() {
    return {
      size: (_, values) => Math.max(54, 18 + 7 * Math.max(...(values ?? [""]).map((text) => text.length))), labelSize: 22, space: 34,
      label: () => [this.quantity.name, prefix(this.quantity, ...this.#y).sign].filter(Boolean).join(" / "),
      values: (_, values) => ticks(this.quantity, values, ...this.#y),
    };
  }

  #drawMarks(plot) {
    const { ctx: context, bbox } = plot;
    context.save();
    context.beginPath();
    context.rect(bbox.left, 0, bbox.width, bbox.top + bbox.height);
    context.clip();
    context.font = `600 ${11 * devicePixelRatio}px system-ui, sans-serif`;
    context.textBaseline = "top";
    for (const { x, token, dashed, name } of this.marks) {
      const left = Math.round(plot.valToPos(x, "x", true)) + 0.5;
      if (left < bbox.left || left > bbox.left + bbox.width) continue;
      context.strokeStyle = context.fillStyle = colour(token);
      context.lineWidth = 1.2 * devicePixelRatio;
      context.setLineDash(dashed ? [5 * devicePixelRatio, 4 * devicePixelRatio] : [1, 4 * devicePixelRatio]);
      context.beginPath();
      context.moveTo(left, bbox.top);
      context.lineTo(left, bbox.top + bbox.height);
      context.stroke();
      const flip = left > bbox.left + bbox.width * 0.7;
      context.textAlign = flip ? "right" : "left";
      context.fillText(name, left + (flip ? -5 : 5) * devicePixelRatio, bbox.top + 3 * devicePixelRatio);
    }
    context.restore();
  }

  #selected(plot) {
    const { left, width } = plot.select;
    if (!width) return;
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.zoom?.(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
  }

  /** Zoom by `factor` about `centre`, the middle if it is left out; a factor above 1 shows more. */
  zoomBy(factor, centre) {
    const { min, max } = this.plot.scales.x;
    const about = centre ?? (min + max) / 2;
    this.zoom(about - (about - min) * factor, about + (max - about) * factor);
  }

  /** Move by a part of what is seen. */
  pan(part) {
    const { min, max } = this.plot.scales.x;
    this.zoom(min + (max - min) * part, max + (max - min) * part);
  }

  /** The wheel zooms once the chart has the focus, or with Ctrl; otherwise it scrolls the page. */
  #gestures() {
    this.plot.over.addEventListener("wheel", (turned) => {
      if (!turned.ctrlKey && document.activeElement !== this.host) return;
      turned.preventDefault();
      const at = turned.clientX - this.plot.over.getBoundingClientRect().left;
      this.zoomBy(turned.deltaY > 0 ? 1.25 : 0.8, this.plot.posToVal(at, "x"));
    }, { passive: false });
    this.host.addEventListener("pointerdown", () => this.host.focus({ preventScroll: true }));
    const keys = {
      "+": () => this.zoomBy(0.5), "=": () => this.zoomBy(0.5), "-": () => this.zoomBy(2), 0: () => this.zoom(null), Home: () => this.zoom(null),
      ArrowLeft: () => this.pan(-0.2), ArrowRight: () => this.pan(0.2),
    };
    this.host.addEventListener("keydown", (pressed) => {
      const act = keys[pressed.key];
      if (!act || pressed.ctrlKey || pressed.altKey || pressed.metaKey || pressed.target !== this.host) return;
      pressed.preventDefault();
      act();
    });
  }
}

/** The range of an axis: some air around what is in view; efficiencies never look flatter or steeper than they are. */
function padded(quantity, least, most) {
  if (least === null || least === undefined || !Number.isFinite(least)) return [0, 1];
  if (quantity.fromZero && least >= 0) return [0, most * 1.08 || 1];
  const span = Math.max(most - least, quantity.leastSpan ?? 0);
  const air = (span - (most - least)) / 2 + span * 0.06 || Math.abs(most) * 0.1 || 1e-3;
  return [least - air, most + air];
}

/** Buttons for what gestures do, since a finger has neither wheel nor keys. */
export function zoomButtons(chart) {
  const button = (text, words, act) => make("button", { class: "small", type: "button", "aria-label": words, title: words, onclick: () => act(chart()) }, text);
  return [
    button("‹", "Earlier", (it) => it.pan(-0.5)), button("›", "Later", (it) => it.pan(0.5)),
    button("−", "Zoom out", (it) => it.zoomBy(2)), button("+", "Zoom in", (it) => it.zoomBy(0.5)),
    button("All", "Show all of it", (it) => it.zoom(null)),
  ];
}

export { clock };
