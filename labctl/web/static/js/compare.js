// Several runs in one plot: by cycle, or voltage against time since the start of each.

import { drawable, get, series } from "./api.js";
import { clock, CAPACITY, EFFICIENCY, OVERPOTENTIAL, VOLT } from "./axes.js";
import { make, say } from "./dom.js";
import { figure, key } from "./figure.js";
import { fixed, overpotential, voltage } from "./format.js";
import { LineChart, zoomButtons } from "./line_chart.js";
import uPlot from "../vendor/uplot/uPlot.esm.js";

const DASHES = ["", "dashed", "dotted", "long"];
const SVG_DASHES = { dashed: "6 4", dotted: "2 3", long: "12 4" };
const SETTLE_ms = 80;
const EXPANDED = 2; // uPlot's mode for a break that reaches over what other runs have meanwhile
const mAh = (coulomb) => (coulomb === null ? "–" : `${fixed(coulomb / 3.6, 4)} mAh`);
const number = (value) => (value === null ? "–" : fixed(value, 4));

/** What can be compared: over what, and how it is read. */
const VIEWS = {
  overpotential: { words: "overpotential by cycle", field: "overpotential_volt", quantity: { ...OVERPOTENTIAL, fromZero: true }, show: overpotential },
  efficiency: { words: "coulombic efficiency by cycle", field: "coulombic_efficiency", quantity: EFFICIENCY, show: number },
  discharge: { words: "discharged charge by cycle", field: "discharge_coulomb", quantity: { ...CAPACITY, fromZero: true }, show: mAh },
  voltage: { words: "voltage against time", quantity: VOLT, show: voltage },
};

/** Show runs, given as `1,2,3`. */
export function open(main, page, list = "") {
  const ids = [...new Set(list.split(",").map(Number).filter((id) => Number.isInteger(id) && id > 0))].slice(0, 8);
  const host = make("div");
  const what = make("select", { onchange: () => show(what.value) }, ...Object.entries(VIEWS).map(([value, { words }]) => make("option", { value }, words)));
  main.append(make("div", { class: "bar" }, make("h1", {}, "Comparison"), make("label", {}, "Of", what), make("a", { class: "push", href: "#/runs" }, "Choose other runs")), host);
  const lines = ids.map((id, n) => ({ id, label: `run ${id}`, token: `series-${n + 1}`, dash: DASHES[n % DASHES.length] }));
  let [chart, closed] = [null, false];

  async function begin() {
    if (ids.length === 0) return refuse("Choose runs in the list first.");
    try {
      const runs = await Promise.all(ids.map((id) => get(`/runs/${id}`)));
      runs.forEach(({ run }, n) => (lines[n].label = `${run.cell || run.protocol} · run ${run.run_id}`));
    } catch (failure) {
      return refuse(failure.message);
    }
    return closed || show("overpotential");
  }
  function refuse(sentence) {
    host.replaceChildren(make("p", { class: "empty panel" }, sentence));
  }
  function show(name) {
    chart?.close();
    host.replaceChildren();
    chart = name === "voltage" ? new OverTime(host, lines) : new OverCycles(host, lines, VIEWS[name]);
  }
  begin();
  return {
    close() {
      closed = true;
      chart?.close();
    },
  };
}

class Compared {
  columns = [[]];

  constructor(host, lines, view, over, options = {}) {
    Object.assign(this, { lines, view });
    const at = over === "cycle" ? String : (second) => clock(second, 0.1);
    this.at = at;
    this.frame = figure({
      title: view.words[0].toUpperCase() + view.words.slice(1), ...options.frame,
      table: () => ({ columns: [over === "cycle" ? "cycle" : "time / h:mm:ss", ...lines.map(({ label }) => label)], rows: this.columns[0].map((x, n) => [at(x), ...this.columns.slice(1).map((column) => (column[n] === null || column[n] === undefined ? "" : view.show(column[n])))]) }),
    });
    this.frame.legend.append(...lines.map((line) => key(line.label, line.token, { dash: SVG_DASHES[line.dash] ?? "" })));
    host.append(this.frame.element);
    this.chart = new LineChart(this.frame.plot, {
      label: `${view.words}, ${lines.length} runs. The table button gives the figures.`, over, quantity: view.quantity, height: Math.max(280, Math.min(520, innerHeight - 300)),
      lines: lines.map((line) => ({ ...line, dots: over === "cycle" })), read: (place) => this.#read(place), ...options.chart,
    });
  }

  draw(columns, range) {
    this.columns = columns;
    this.chart.show(columns, range);
    this.frame.changed();
  }

  close() {
    this.closed = true;
    this.chart.close();
  }

  #read(place) {
    if (place === null || !this.columns[0].length) return say(this.frame.reading, "");
    const values = this.lines.map(({ label }, n) => [label, this.columns[n + 1][place]]).filter(([, value]) => value !== null && value !== undefined);
    return say(this.frame.reading, `${this.at(this.columns[0][place])}   ${values.map(([label, value]) => `${label}: ${this.view.show(value)}`).join("   ")}`);
  }
}

class OverCycles extends Compared {
  constructor(host, lines, view) {
    super(host, lines, view, "cycle");
    this.#read();
  }

  async #read() {
    try {
      const answers = await Promise.all(this.lines.map(({ id }) => get(`/runs/${id}/cycles`)));
      const cycles = answers.map((answer) => new Map(answer.cycles.map((cycle) => [cycle.cycle, cycle[this.view.field] ?? null])));
      const numbers = [...new Set(cycles.flatMap((known) => [...known.keys()]))].sort((a, b) => a - b);
      if (!this.closed) this.draw([numbers, ...cycles.map((known) => numbers.map((cycle) => known.get(cycle) ?? null))]);
    } catch (failure) {
      say(this.frame.reading, failure.message);
    }
  }
}

class OverTime extends Compared {
  #window = null;
  #timer = null;
  #asking = null;

  constructor(host, lines) {
    const zoom = (from, to) => this.#zoom(from, to);
    super(host, lines, VIEWS.voltage, "time", { chart: { zoom }, frame: { buttons: zoomButtons(() => this.chart), hint: "Drag over a part to zoom; double-click for all." } });
    this.#read();
  }

  close() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    super.close();
  }

  #zoom(from, to) {
    this.#window = from === null || (from <= 0 && to >= this.last) ? null : [Math.max(0, from), Math.max(to, Math.max(0, from) + 1e-3)];
    this.chart.look(...(this.#window ?? [0, this.last]));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#read(), SETTLE_ms);
  }

  async #read() {
    this.#asking?.abort();
    const { signal } = (this.#asking = new AbortController());
    const window = this.#window;
    const points = Math.min(20000, 2 * this.chart.across);
    try {
      const answers = await Promise.all(this.lines.map(({ id }) => series(id, { y: "voltage", points, signal, ...(window && { from: window[0], to: window[1] }) })));
      this.last = Math.max(1, ...answers.map(({ header }) => header.last_second ?? 0));
      this.chart.exact = answers.every(({ header }) => header.exact);
      const tables = answers.map(({ columns }) => distinct([Array.from(columns.test_time_second), drawable(columns.voltage_volt)]));
      // Each run has its own times: a line goes on where only another one has a point, and breaks where its own has none.
      this.draw(uPlot.join(tables, tables.map(() => [EXPANDED, EXPANDED])), window ?? [0, this.last]);
      if (answers.some(({ header }) => header.preliminary)) this.#timer = setTimeout(() => this.#read(), 700);
    } catch (failure) {
      if (failure.name !== "AbortError") say(this.frame.reading, failure.message);
    }
  }
}

/** Times that occur twice, each a hair later than the last: joining keeps one value for each time. */
function distinct([times, values]) {
  let last = -Infinity;
  const rising = times.map((second) => (last = second > last ? second : last + Math.max(1e-9, Math.abs(last) * 1e-14)));
  return [rising, values];
}
