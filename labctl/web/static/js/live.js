// What the stations say, as it comes: the present state of every channel, and how old it is.

/** A channel's name among all stations. */
export const keyOf = ({ station, channel }) => `${station}/${channel}`;

const SILENT_AFTER_s = 13; // the server says something at least every 5 s,
const SILENT_WHILE_BUSY_s = 6; // and a channel with a run in progress every second
const BUSY = new Set(["running", "last step", "skipping"]);

/**
 * The stream of events, with the state that it amounts to.
 *
 * Dispatches `state` (the keys that changed), `stations`, `samples`, `cycle`, `spectrum`, `event`, and `freshness`
 * whenever the connection is lost or found again.
 */
export class Live extends EventTarget {
  channels = new Map();
  stations = new Map();
  #heard = performance.now();
  #stale = true;
  #source = null;
  #samplesOf = "none";

  /** Begin to listen; `samplesOf` names the channel whose samples are wanted, or `none`. */
  open(samplesOf = this.#samplesOf) {
    this.#samplesOf = samplesOf;
    this.#source?.close();
    this.#source = new EventSource(`/api/v1/live?samples=${encodeURIComponent(samplesOf)}`);
    this.#source.addEventListener("open", () => this.#hear());
    this.#source.addEventListener("error", () => this.#judge());
    for (const kind of ["state", "station", "samples", "cycle", "spectrum", "event", "alive"]) {
      this.#source.addEventListener(kind, (message) => this.#take(kind, JSON.parse(message.data)));
    }
    this.#ticking ??= setInterval(() => this.#judge(), 1000);
  }
  #ticking = null;

  /** Listen to the samples of one channel, or of none. */
  wantSamples(key) {
    if (key !== this.#samplesOf) this.open(key);
  }

  /** Seconds since anything was heard. */
  get silence_s() {
    return (performance.now() - this.#heard) / 1000;
  }

  /** Whether what is shown may be out of date. */
  get stale() {
    return this.#stale;
  }

  #take(kind, data) {
    this.#hear();
    if (kind === "state") return this.#takeStates(data.channels);
    if (kind === "station") {
      this.stations.set(data.station, data);
      return this.#tell("stations", data);
    }
    return kind === "alive" ? undefined : this.#tell(kind, data);
  }

  #takeStates(channels) {
    const changed = [];
    for (const channel of channels) {
      const key = keyOf(channel);
      changed.push(key);
      channel.heard = this.#heard;
      this.channels.set(key, channel);
    }
    this.#tell("state", changed);
  }

  #hear() {
    this.#heard = performance.now();
    this.#judge();
  }

  #judge() {
    const closed = this.#source.readyState === EventSource.CLOSED;
    if (closed && this.silence_s > 3) this.open(); // a browser gives up after some refusals; we do not
    const patience_s = this.#busy() ? SILENT_WHILE_BUSY_s : SILENT_AFTER_s;
    const stale = this.#source.readyState !== EventSource.OPEN || this.silence_s > patience_s;
    const before = this.#stale;
    this.#stale = stale;
    if (stale || stale !== before) this.#tell("freshness", stale);
  }

  #busy() {
    for (const channel of this.channels.values()) {
      if (BUSY.has(channel.state) && this.stations.get(channel.station)?.online !== false) return true;
    }
    return false;
  }

  #tell(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}
