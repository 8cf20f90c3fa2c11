// What was decided in a run: as marks on its curves, and as a list from which one can go there.

import { clock } from "./axes.js";
import { make } from "./dom.js";
import { moment } from "./format.js";

const ROUTINE = new Set([
  "run_started", "step_ended", "half_cycle_ended", "spectrum_measured", "circuit_closed", "circuit_at_rest", "circuit_opened", "host_silence", "thermometer", "run_ended",
]);

/** Marks for a chart: decisions with their names; what else a person would look for without. */
export function marksOf(events) {
  return events.filter(({ kind }) => !ROUTINE.has(kind)).map((event) => (
    event.kind === "decision"
      ? { x: event.test_time_second, token: "hold", dashed: true, name: String(event.data?.rule ?? "decision").replaceAll("_", " ") }
      : { x: event.test_time_second, token: "edge", name: "" }
  ));
}

/** The list, the newest first; `go(second)` shows a moment on the curves. What belongs to every run is only shown if it is asked for. */
export class RunEvents {
  #events = [];

  constructor(host, go) {
    Object.assign(this, { host, go });
    this.all = make("input", { type: "checkbox", onchange: () => this.show(this.#events) });
    this.title = make("h2");
    this.list = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "List of events" });
    host.append(make("div", { class: "bar inset" }, this.title, make("label", { class: "push" }, this.all, "also what belongs to every run")), this.list);
  }

  show(events) {
    this.#events = events;
    const shown = events.filter(({ kind }) => this.all.checked || !ROUTINE.has(kind)).reverse();
    this.title.textContent = `Events and decisions (${shown.length} of ${events.length})`;
    this.list.replaceChildren(shown.length ? this.#table(shown) : make("p", { class: "empty" }, "Nothing out of the ordinary was decided or noticed."));
  }

  #table(events) {
    const names = ["time", "what", "in words", "by", "when"];
    return make("table", { class: "rows" },
      make("thead", {}, make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, name)))),
      make("tbody", {}, ...events.map((event) => make("tr", {},
        make("td", { class: "figure" }, make("button", { class: "link", type: "button", title: "Show on the curves", onclick: () => this.go(event.test_time_second) }, clock(event.test_time_second))),
        make("td", { class: event.kind === "decision" ? "figure decision" : "figure" }, event.kind.replaceAll("_", " ")),
        make("td", {}, event.message), make("td", {}, event.author), make("td", { class: "figure quiet" }, moment(event.unix_time_second))))));
  }
}
