// Events that ask something of a person: kept while the page is open, until somebody says that he looks after them.

import { post } from "./api.js";

const KEPT = 500;
const ASKING = new Set(["warning", "alarm"]);

/** The events of all stations, the newest first. Dispatches `change`. */
export class Notices extends EventTarget {
  #events = new Map();
  #asked = new Set();

  constructor(live) {
    super();
    live.addEventListener("event", ({ detail }) => this.#take(detail));
  }

  /** All that are known, the newest first. */
  get all() {
    return [...this.#events.values()].sort((a, b) => b.unix_time_second - a.unix_time_second);
  }

  /** How many ask something of a person and have nobody who looks after them. */
  get open() {
    return [...this.#events.values()].filter((event) => this.asks(event)).length;
  }

  /** Whether somebody should look at it, and nobody has said that he does. */
  asks(event) {
    return ASKING.has(event.severity) && !event.acknowledged;
  }

  /** Whether somebody should look at something of a run. */
  asksOf(station, run) {
    return this.#asked.has(`${station}/${run}`);
  }

  /** Say that somebody looks after it. */
  async acknowledge(event) {
    const { message } = await post(`/events/${encodeURIComponent(event.id)}/acknowledge`, { station: event.station });
    this.#close(event.station, event.id, "you");
    this.#changed();
    return message;
  }

  #take(event) {
    if (event.kind === "acknowledged") this.#close(event.station, event.data?.id, event.author);
    else {
      const before = this.#events.get(key(event));
      this.#events.set(key(event), { ...event, acknowledged: before?.acknowledged });
      if (this.#events.size > KEPT) this.#events.delete(this.#events.keys().next().value);
    }
    this.#changed();
  }

  #changed() {
    const asking = [...this.#events.values()].filter((event) => this.asks(event));
    this.#asked = new Set(asking.map(({ station, run_id: run }) => `${station}/${run}`));
    this.dispatchEvent(new Event("change"));
  }

  #close(station, id, who) {
    const event = this.#events.get(key({ station, id }));
    if (event) this.#events.set(key(event), { ...event, acknowledged: who || "somebody" });
  }
}

const key = (event) => `${event.station}/${event.id}`;
