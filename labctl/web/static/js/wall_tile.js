// One channel on the wall.

import { make, mark, say } from "./dom.js";
import { current, duration, inPrint, overpotential, voltage } from "./format.js";
import { drawTrend } from "./trends.js";
import { look, reshape, shape } from "./states.js";
import { shownState } from "./wall_state.js";

const OLD_s = 20; // a run in progress is told of every second

/** A tile; `show` brings it up to what the stations say. */
export class Tile {
  #parts = {};
  #drawn = null;
  #word = null;

  constructor(key, page, trends) {
    Object.assign(this, { key, page, live: page.live, trends });
    const part = (name, tag = "span") => (this.#parts[name] = make(tag, { class: name }));
    this.#parts.shape = shape("idle");
    this.#parts.trend = make("canvas", { class: "trend", "aria-hidden": "true" });
    this.#parts.middle = make("div", { class: "middle" }, make("div", { class: "figures" }, part("voltage", "div"), part("current", "div")), this.#parts.trend);
    this.link = make("a", { class: "tile", href: `#/channel/${key.split("/").map(encodeURIComponent).join("/")}` },
      make("div", { class: "top" }, make("span", { class: "state" }, this.#parts.shape, part("word")), part("channel")),
      make("div", { class: "who" }, part("cell"), part("cycle")),
      this.#parts.middle,
      part("why", "div"),
      make("div", { class: "foot" }, part("eta"), part("left")));
    this.element = make("li", { "data-key": key }, this.link);
  }

  /** Whether its state is another than it shows. */
  get changed() {
    const channel = this.live.channels.get(this.key);
    return Boolean(channel) && shownState(channel, this.page) !== this.#word;
  }

  /** Fill it. */
  show() {
    const channel = this.live.channels.get(this.key);
    if (!channel) return;
    const parts = this.#parts;
    const last = channel.state === "idle" ? this.page.lastRuns.of(this.key) : undefined;
    const state = shownState(channel, this.page);
    if (this.#word !== state) {
      this.#word = state;
      reshape(parts.shape, state);
      say(parts.word, state);
      mark(this.link, "data-tone", look(state).tone);
    }
    say(parts.channel, this.live.stations.size > 1 ? `${channel.station} ${channel.channel}` : channel.channel);
    const named = channel.cell || channel.protocol || last?.cell;
    say(parts.cell, named || (channel.queued ? `${channel.queued} waiting` : "no cell"));
    say(parts.cycle, channel.cycle ? `cycle ${channel.cycle}` : "");
    this.#figures(channel, last);
    this.#foot(channel);
    this.#trend(channel);
  }

  #figures(channel, last) {
    const parts = this.#parts;
    const why = ["held", "unsafe"].includes(channel.state) ? channel.reason : last && `run ${last.run} ${last.state}${last.why ? `: ${last.why}` : ""}`;
    if (parts.why.hidden === Boolean(why)) parts.why.hidden = !why;
    if (parts.middle.hidden !== Boolean(why)) parts.middle.hidden = Boolean(why);
    say(parts.why, why ?? "");
    mark(this.link, "data-why", Boolean(why));
    mark(this.link, "title", why || (channel.doing && inPrint(channel.doing)) || null);
    const known = channel.voltage_volt !== null && channel.voltage_volt !== undefined;
    mark(this.link, "data-idle", !known);
    say(parts.voltage, known ? voltage(channel.voltage_volt) : "");
    const open = known && (channel.current_ampere === null || channel.current_ampere === undefined);
    say(parts.current, open ? "circuit open" : known ? current(channel.current_ampere) : "");
  }

  #foot(channel) {
    const age = (performance.now() - channel.heard) / 1000;
    const old = channel.state === "running" && age > OLD_s;
    mark(this.link, "data-old", old);
    mark(this.#parts.left, "class", old ? "age" : "left");
    const { remaining_second: left, overpotential_volt: eta, queued } = channel;
    say(this.#parts.left, old ? `${duration(age)} old` : left ? `${duration(left)} left` : queued ? `${queued} waiting` : "");
    say(this.#parts.eta, eta !== null && eta !== undefined ? `η ${overpotential(eta)}` : channel.state === "idle" ? channel.instrument : "");
  }

  #trend(channel) {
    if (this.#parts.middle.hidden) return;
    const values = this.trends.of(this.key, channel);
    const size = this.element.style.width; // not as it is laid out: to ask for that would lay it out, for each tile anew
    const sign = `${this.trends.version(this.key)} ${this.trends.paint} ${size} ${look(this.#word).tone}`;
    if (sign === this.#drawn) return;
    this.#drawn = sign;
    drawTrend(this.#parts.trend, values, look(this.#word).tone);
  }

  /** Nothing to let go of but the trend's place in line. */
  close() {
    this.trends.forget(this.key);
  }
}
