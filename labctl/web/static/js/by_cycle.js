// What changes from cycle to cycle: overpotential, coulombic efficiency, the resistances fitted to spectra.

import { EFFICIENCY, OHM, OVERPOTENTIAL } from "./axes.js";
import { say } from "./dom.js";
import { figure, key } from "./figure.js";
import { fixed, overpotential, resistance } from "./format.js";
import { LineChart } from "./line_chart.js";

const CHARGE = { label: "charge", token: "series-1", dots: true };
const DISCHARGE = { label: "discharge", token: "series-2", dash: "dashed", dots: true, hollow: true };
const efficiency = (value) => (value === null || value === undefined ? "–" : fixed(value, 4));

/** A chart over cycles, with its frame; `show` writes a value for a person. */
export class CycleChart {
  #columns = [[]];

  constructor(host, { title, label, lines, quantity, show, height = 270 }) {
    this.show = show;
    this.frame = figure({ title, table: () => this.#table() });
    this.lines = lines;
    if (lines.length > 1) this.frame.legend.append(...lines.map((line) => key(line.label, line.token, { dash: line.dash ? "5 3" : "", dot: true, hollow: line.hollow })));
    host.append(this.frame.element);
    this.chart = new LineChart(this.frame.plot, { label: `${label} The table button gives the figures.`, lines, over: "cycle", quantity, height, read: (place) => this.#read(place) });
  }

  /** Draw columns, the cycles first. */
  draw(columns) {
    this.#columns = columns;
    this.frame.element.hidden = !columns.slice(1).some((values) => values.some((value) => value !== null && value !== undefined));
    this.chart.show(columns);
    this.#read(null);
    this.frame.changed();
  }

  close() {
    this.chart.close();
  }

  #read(place) {
    const known = (at) => this.#columns.slice(1).some((values) => values[at] !== null && values[at] !== undefined);
    const at = place ?? this.#columns[0].findLastIndex((_, n) => known(n));
    if (at < 0) return;
    const values = this.lines.flatMap(({ label }, n) => (this.#columns[n + 1][at] === null || this.#columns[n + 1][at] === undefined ? [] : [`${this.lines.length > 1 ? `${label} ` : ""}${this.show(this.#columns[n + 1][at])}`]));
    say(this.frame.reading, `${place === null ? "latest: " : ""}cycle ${this.#columns[0][at]}   ${values.join("   ")}`);
  }

  #table() {
    const [cycles, ...values] = this.#columns;
    return { columns: ["cycle", ...this.lines.map(({ label }) => label)], rows: cycles.map((cycle, n) => [String(cycle), ...values.map((column) => this.show(column[n]))]) };
  }
}

/** Median overpotential of each half-cycle. */
export function overpotentialChart(host) {
  return new CycleChart(host, { title: "Overpotential by cycle", label: "Median overpotential of each half-cycle, by cycle.", lines: [CHARGE, DISCHARGE], quantity: { ...OVERPOTENTIAL, fromZero: true }, show: overpotential });
}

/** Coulombic efficiency of each cycle. */
export function efficiencyChart(host) {
  return new CycleChart(host, { title: "Coulombic efficiency by cycle", label: "Coulombic efficiency by cycle, from 0 to 1.", lines: [{ label: "coulombic efficiency", token: "series-3", dots: true }], quantity: EFFICIENCY, show: efficiency });
}

/** Series and charge-transfer resistance, and |Z| at the lowest frequency, of each spectrum. */
export function resistanceChart(host) {
  return new CycleChart(host, {
    title: "Fitted resistances by cycle", label: "Resistances fitted to the spectra, by cycle.", quantity: { ...OHM, fromZero: true }, show: resistance,
    lines: [
      { label: "series", token: "series-3", dots: true },
      { label: "SEI", token: "series-2", dots: true, dash: "long" },
      { label: "charge transfer", token: "series-1", dots: true, dash: "dashed", hollow: true },
      { label: "|Z| at the lowest frequency", token: "series-4", dots: true, dash: "dotted" },
    ],
  });
}

/** Columns for the charts of overpotential and efficiency, from what the server says of a run's cycles. */
export function cycleColumns({ half_cycles: halves, cycles }) {
  const numbers = [...new Set(halves.map(({ cycle }) => cycle))].sort((a, b) => a - b);
  const of = (sign) => {
    const found = new Map(halves.filter((half) => half.sign === sign).map((half) => [half.cycle, half.overpotential_median_volt]));
    return numbers.map((cycle) => found.get(cycle) ?? null);
  };
  return {
    overpotential: [numbers, of(1), of(-1)],
    efficiency: [cycles.map(({ cycle }) => cycle), cycles.map((cycle) => cycle.coulombic_efficiency)],
  };
}

/** Columns for the chart of resistances; an arc that is not to be trusted is left out. */
export function resistanceColumns(spectra) {
  const arc = (wanted) => ({ fit }) => fit?.arcs.find(({ name, doubt }) => name === wanted && !doubt)?.resistance_ohm.value ?? null;
  const column = (of) => spectra.map((spectrum) => of(spectrum) ?? null);
  return [column(({ cycle }) => cycle), column(({ fit }) => fit?.series_ohm?.value), column(arc("SEI")), column(arc("charge transfer")), column(({ total_ohm: total }) => total)];
}
