// Voltage and current of a run against time: what is in view is asked of the server again with each zoom, down to each sample.

import { drawable, series } from "./api.js";
import { AMPERE, clock, VOLT } from "./axes.js";
import { say } from "./dom.js";
import { figure } from "./figure.js";
import { count, current, voltage } from "./format.js";
import { LineChart, zoomButtons } from "./line_chart.js";

const SETTLE_ms = 60; // of a gesture the first move is asked for at once; then until it rests
const AFRESH_ms = 2000; // a run that goes on is read again so often
const SOON_ms = 700;
const MARGIN = 0.3; // of the window, read on each side, so that moving it does not begin with nothing
const HINT = "Drag over a part to zoom; double-click for all. With the chart in focus: wheel, + −, arrow keys, 0 for all.";

/** The two charts of a run, in `host`. `going()` says whether it still goes on. */
export class Curves {
  #window = null;
  #columns = { test_time_second: [], voltage_volt: [], current_ampere: [] };
  #overview = null;
  #header = null;
  #asking = null;
  #timer = null;
  #moved_ms = -Infinity;

  constructor(host, run, going) {
    Object.assign(this, { run, going });
    const first = () => this.charts[0];
    const frame = (title, column, show, buttons, hint) => figure({
      title, hint, buttons,
      table: () => ({ columns: ["time / h:mm:ss", title], rows: this.#rows(column, show) }),
    });
    this.frames = [
      frame("Voltage", "voltage_volt", voltage, zoomButtons(first), HINT),
      frame("Current", "current_ampere", current, [], ""),
    ];
    host.append(...this.frames.map(({ element }) => element));
    const chart = (frame, label, line, quantity, height, show, column) => new LineChart(frame.plot, {
      label: `${label} against time. Plus and minus zoom, arrow keys move, 0 shows all; the table button gives the figures.`,
      lines: [line], over: "time", quantity, height, sync: `run-${run}`,
      zoom: (from, to) => this.zoom(from, to),
      read: (place) => this.#read(frame, place, column, show),
    });
    this.charts = [
      chart(this.frames[0], "Voltage", { label: "voltage", token: "series-1" }, VOLT, 300, voltage, "voltage_volt"),
      chart(this.frames[1], "Current", { label: "current", token: "series-2" }, AMPERE, 170, current, "current_ampere"),
    ];
    this.#load();
  }

  /** See a window of time, or all of it. */
  zoom(from, to) {
    const [least, most] = this.#extent();
    if (from === null || to - from >= most - least) this.#window = null;
    else {
      const span = Math.max(to - from, 1e-3);
      const start = Math.min(Math.max(from, least), most - span);
      this.#window = [start, start + span];
    }
    if (this.#window) for (const chart of this.charts) chart.look(...this.#window);
    else if (this.#overview) this.#draw(this.#overview);
    const now_ms = performance.now();
    this.#again(now_ms - this.#moved_ms > SETTLE_ms ? 0 : SETTLE_ms);
    this.#moved_ms = now_ms;
  }

  /** Samples came live: they are appended until the server is asked again. */
  append({ test_time_second: time, voltage_volt: volt, current_ampere: ampere }) {
    const columns = this.#columns;
    const last = columns.test_time_second.at(-1) ?? -Infinity;
    const from = time.findIndex((second) => second > last);
    if (from < 0 || !this.#header || this.#window) return;
    columns.test_time_second.push(...time.slice(from));
    columns.voltage_volt.push(...volt.slice(from));
    columns.current_ampere.push(...ampere.slice(from));
    this.#show();
  }

  /** Mark events on both charts. */
  note(marks) {
    this.charts[0].note(marks);
    this.charts[1].note(marks.map((moment) => ({ ...moment, name: "" })));
  }

  /** Let go of everything. */
  close() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    for (const chart of this.charts) chart.close();
  }

  #extent() {
    const { test_time_second: time } = this.#overview?.columns ?? this.#columns;
    return [this.#header?.first_second ?? 0, Math.max(this.#header?.last_second ?? 0, time.at(-1) ?? 0, 1)];
  }

  #again(after_ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#load(), after_ms);
  }

  async #load() {
    this.#asking?.abort();
    const asking = (this.#asking = new AbortController());
    const window = this.#window;
    const points = 2 * this.charts[0].across;
    const margin = window ? MARGIN * (window[1] - window[0]) : 0;
    try {
      const answer = await series(this.run, {
        points: Math.min(20000, Math.ceil(points * (window ? 1 + 2 * MARGIN : 1))), signal: asking.signal,
        ...(window && { from: window[0] - margin, to: window[1] + margin }),
      });
      this.#take(answer, window);
    } catch (failure) {
      if (failure.name === "AbortError") return;
      for (const { reading } of this.frames) say(reading, failure.message);
    }
    if (this.#header?.preliminary) this.#again(SOON_ms);
    else if (this.going() && !window) this.#again(document.hidden ? 10 * AFRESH_ms : AFRESH_ms);
  }

  #take({ header, columns }, window) {
    const drawn = { header, columns: Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, drawable(values)])) };
    if (!window) this.#overview = drawn;
    this.#draw(drawn);
  }

  #draw({ header, columns }) {
    this.#header = header;
    this.#columns = columns;
    this.#show();
    for (const frame of this.frames) frame.changed();
  }

  #show() {
    const { test_time_second: time, voltage_volt: volt, current_ampere: ampere } = this.#columns;
    for (const [place, values] of [volt, ampere].entries()) {
      this.charts[place].exact = this.#header.exact;
      this.charts[place].show([time, values], this.#window);
    }
    this.frames.forEach((frame) => this.#read(frame, null));
  }

  #read(frame, place, column, show) {
    const { test_time_second: time } = this.#columns;
    if (place !== null && place < time.length) {
      const value = this.#columns[column][place];
      return say(frame.reading, value === null ? "nothing was measured here" : `${clock(time[place], 0.1)}   ${show(value)}`);
    }
    const { exact, preliminary } = this.#header ?? {};
    const samples = exact ? this.#inView().length : this.#header?.samples;
    const what = preliminary ? "the run is still being read: spikes may be missing" : exact ? "each point is a sample" : "smallest and largest of each stretch, so no spike is lost";
    return say(frame.reading, this.#header && frame === this.frames[0] ? `${samples ? `${count(samples)} samples; ` : ""}${what}` : "");
  }

  /** Places of the points in the window, but for breaks; a little more than it is read. */
  #inView() {
    const { test_time_second: time, voltage_volt: volt } = this.#columns;
    const [from, to] = this.#window ?? [-Infinity, Infinity];
    return [...time.keys()].filter((place) => volt[place] !== null && time[place] >= from && time[place] <= to);
  }

  #rows(column, show) {
    const values = this.#columns[column];
    return this.#inView().map((place) => [clock(this.#columns.test_time_second[place], 0.1), show(values[place])]);
  }
}
