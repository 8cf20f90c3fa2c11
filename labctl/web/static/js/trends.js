// The course of the overpotential over the last cycles, for each tile that is seen; read once, then kept up live.

import { get } from "./api.js";
import { colour } from "./dom.js";
import { keyOf } from "./live.js";
import { theme } from "./theme.js";

const KEPT = 60;
const AT_ONCE = 4;

/** Trends by channel; a `trend` event names the keys of which one has changed. */
export class Trends extends EventTarget {
  paint = 0;
  #known = new Map();
  #queue = [];
  #asking = 0;

  constructor(live) {
    super();
    this.live = live;
    this.#onCycle = ({ detail }) => this.#append(detail);
    this.#onTheme = () => {
      this.paint += 1;
      tones.clear();
      this.#tell(this.#known.keys());
    };
    live.addEventListener("cycle", this.#onCycle);
    theme.addEventListener("theme", this.#onTheme);
  }
  #onCycle;
  #onTheme;

  /** Overpotentials of the present run's half-cycles, V, the latest last; empty until they have been read. */
  of(key, channel) {
    let trend = this.#known.get(key);
    if (!channel.run_id) return [];
    if (!trend || trend.run !== channel.run_id) {
      trend = { run: channel.run_id, values: [], version: 0 };
      this.#known.set(key, trend);
      this.#queue.push(key);
      this.#ask();
    }
    return trend.values;
  }

  /** Changes with every change of a trend. */
  version(key) {
    const trend = this.#known.get(key);
    return trend ? `${trend.run}.${trend.version}` : "";
  }

  /** A tile is not seen any more. */
  forget(key) {
    this.#queue = this.#queue.filter((waiting) => waiting !== key);
    if (this.#known.get(key)?.version === 0) this.#known.delete(key);
  }

  /** Stop listening. */
  close() {
    this.#queue = [];
    this.live.removeEventListener("cycle", this.#onCycle);
    theme.removeEventListener("theme", this.#onTheme);
  }

  async #ask() {
    if (this.#asking >= AT_ONCE) return;
    const key = this.#queue.shift();
    const trend = this.#known.get(key);
    if (!trend) return;
    this.#asking += 1;
    try {
      const { half_cycles: halves } = await get(`/runs/${trend.run}/cycles`);
      const read = halves.map((half) => half.overpotential_median_volt).filter((value) => value !== null);
      trend.values = read.slice(-KEPT);
    } catch { /* without a database there is no past: the trend begins with what comes live */ }
    this.#asking -= 1;
    trend.version += 1;
    this.#tell([key]);
    if (this.#queue.length) this.#ask();
  }

  #append(cycle) {
    const key = keyOf(cycle);
    const trend = this.#known.get(key);
    const value = cycle.overpotential_median_volt;
    if (!trend || trend.run !== cycle.run_id || value === null || value === undefined) return;
    trend.values = [...trend.values, value].slice(-KEPT);
    trend.version += 1;
    this.#tell([key]);
  }

  #tell(keys) {
    this.dispatchEvent(new CustomEvent("trend", { detail: [...keys] }));
  }
}

const tones = new Map();

/** Draw a trend, from zero to a little above its largest value; a dot marks the latest. */
export function drawTrend(canvas, values, tone) {
  const scale = devicePixelRatio;
  const [width, height] = [canvas.clientWidth * scale, canvas.clientHeight * scale];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  if (values.length < 2) return;
  const name = tone === "quiet" ? "edge" : tone;
  if (!tones.has(name)) tones.set(name, colour(name));
  const most = Math.max(...values, 1e-6) * 1.1;
  const [x, y] = [(n) => 2 * scale + (n / (values.length - 1)) * (width - 7 * scale), (value) => height - 2 * scale - (Math.max(0, value) / most) * (height - 6 * scale)];
  context.strokeStyle = context.fillStyle = tones.get(name);
  context.lineWidth = 1.6 * scale;
  context.lineJoin = "round";
  context.beginPath();
  values.forEach((value, n) => context.lineTo(x(n), y(value)));
  context.stroke();
  context.beginPath();
  context.arc(x(values.length - 1), y(values.at(-1)), 2.6 * scale, 0, 7);
  context.fill();
}
