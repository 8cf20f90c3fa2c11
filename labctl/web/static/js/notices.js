// Events that ask something of a person, as they come and as they were recorded, until somebody says that he looks after them.

import { get, post } from "./api.js";

const KEPT = 1000;
const LATEST = 100; // recorded ones that are read besides those that ask
const ASKING = new Set(["warning", "alarm"]);

/** The events of all stations, the newest first. Dispatches `change`. */
export class Notices extends EventTarget {
  /** Whether more ask than were read. */
  more = false;
  #events = new Map();
  #asked = new Set();

  constructor(live) {
    super();
    live.addEventListener("event", ({ detail }) => this.#take(detail));
  }

  /** Read what was recorded, each time that the connection is made: what happened before, and meanwhile. */
  recall(live) {
    let lost = false;
    live.addEventListener("freshness", ({ detail: stale }) => {
      if (lost && !stale) this.#read();
      lost = stale;
    });
    return this.#read();
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
    const { message } = await post(`/events/${encodeURIComponent(event.id)}/acknowledge`, { station: event.station || null });
    this.#close(event.station, event.id, "you");
    this.#changed();
    return message;
  }

  #take(event) {
    if (event.kind === "acknowledged") this.#close(event.station, event.data?.id, event.author);
    else this.#put(event);
    this.#changed();
  }

  async #read() {
    try {
      const [asking, latest] = await Promise.all([get("/events?severity=warning&acknowledged=false&limit=500"), get(`/events?limit=${LATEST}`)]);
      this.more = asking.next_before !== null;
      for (const event of [...asking.events.reverse(), ...latest.events.reverse()]) this.#put(event);
      this.#changed();
    } catch { /* what comes live is shown all the same */ }
  }

  #put({ acknowledged_by: who, ...event }) {
    if (event.kind === "acknowledged") return;
    const before = this.#events.get(key(event));
    this.#events.set(key(event), { ...event, acknowledged: who ?? before?.acknowledged });
    if (this.#events.size <= KEPT) return;
    const known = [...this.#events];
    this.#events.delete((known.find(([, old]) => !this.asks(old)) ?? known[0])[0]);
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
