// What the last run of a channel came to: a channel that stands idle says why.

import { get } from "./api.js";

const LOOKED_AT = 200;
const WORDS = /^(finished|stopped|ended|faulted|failed|unsafe|interrupted|paused)\b[:,]?\s*/;

/** The latest ended run of each channel, by the channel's key. Dispatches `last` with the keys of which one has changed. */
export class LastRuns extends EventTarget {
  #known = new Map();

  constructor(live) {
    super();
    this.live = live;
    live.addEventListener("event", ({ detail }) => detail.kind === "run_ended" && this.#hear(detail));
  }

  /** `{run, cell, state, why}`, or undefined. */
  of(key) {
    return this.#known.get(key);
  }

  /** Read what ended before this page was opened; runs of a database do not name their station, so only where there is one. */
  async read() {
    const { runs } = await get(`/runs?limit=${LOOKED_AT}`);
    if (this.live.stations.size !== 1) return;
    const [station] = this.live.stations.keys();
    for (const run of runs.reverse()) {
      if (run.end_reason === null && run.state !== "finished") continue;
      this.#put(`${station}/${run.channel}`, { run: run.run_id, cell: run.cell, state: run.state, why: run.end_reason ?? "" });
    }
  }

  #hear({ station, channel, run_id: run, cell, text }) {
    const state = WORDS.exec(text)?.[1] ?? "ended";
    this.#put(`${station}/${channel}`, { run, cell, state, why: text.replace(WORDS, "") });
  }

  #put(key, last) {
    if ((this.#known.get(key)?.run ?? 0) > last.run) return;
    this.#known.set(key, last);
    this.dispatchEvent(new CustomEvent("last", { detail: [key] }));
  }
}
