// The figures at the head of a run: what it does at this moment, or what it came to.

import { make, say } from "./dom.js";
import { celsius, count, current, duration, inPrint, moment, overpotential, voltage } from "./format.js";

const LIVE = ["voltage", "current", "overpotential", "cycle", "running for", "left, at most"];
const BREADTH = { temperature: null, doing: "whole", length: "", samples: "" };
const ENDED = ["started", "ended", "length", "samples"];

/** A list of figures. */
export class Facts {
  #values = new Map();

  constructor() {
    this.element = make("dl", { class: "facts panel live" });
  }

  /** Show a run, and its channel while it goes on. */
  show(full, channel) {
    const figures = channel ? ofChannel(channel) : full ? ofRun(full.run) : {};
    const about = full && { channel: `${full.run.channel} · ${full.instrument?.model ?? ""}`, protocol: full.run.protocol };
    this.#fill({ ...figures, ...about, ...(channel?.doing && { doing: inPrint(channel.doing) }) });
  }

  #fill(figures) {
    const names = Object.keys(figures);
    if (names.join() !== [...this.#values.keys()].join()) {
      this.#values = new Map(names.map((name) => [name, make("dd")]));
      this.element.replaceChildren(...names.map((name) => make("div", { class: name in BREADTH ? BREADTH[name] : LIVE.includes(name) ? null : "wide" }, make("dt", {}, name), this.#values.get(name))));
    }
    for (const [name, value] of Object.entries(figures)) say(this.#values.get(name), value);
  }
}

function ofChannel(channel) {
  const open = channel.voltage_volt !== null && channel.current_ampere === null;
  const values = [
    voltage(channel.voltage_volt), open ? "circuit open" : current(channel.current_ampere), overpotential(channel.overpotential_volt),
    String(channel.cycle || "–"), duration(channel.test_time_second), duration(channel.remaining_second),
  ];
  const figures = Object.fromEntries(LIVE.map((name, n) => [name, values[n]]));
  const kelvin = channel.temperature_kelvin;
  return kelvin === null || kelvin === undefined ? figures : { ...figures, temperature: celsius(kelvin) };
}

function ofRun(run) {
  const values = [moment(run.started_unix_time_second), moment(run.ended_unix_time_second), duration(run.last_sample_second), count(run.sample_count)];
  return Object.fromEntries(ENDED.map((name, n) => [name, values[n]]));
}
