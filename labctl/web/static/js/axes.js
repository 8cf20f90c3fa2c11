// Axes in laboratory units: steps that a person would choose, a prefix that suits what is in view.

const TENS = [1, 2, 5];
const decades = (from, to) => Array.from({ length: to - from + 1 }, (_, n) => TENS.map((step) => step * 10 ** (from + n))).flat();
const CLOCK_s = [...decades(-6, 0), 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800];
const HOURS_s = [0.1, 0.2, 0.5, 1, 2, 3, 6, 12, 24, 48, 96, 120, 240, 480, 1200, 2400, 4800, 12000].map((hour) => hour * 3600);

/** Below this a time is read as `h:mm:ss`, above it in hours. */
const CLOCK_SPAN_s = 3 * 3600;

export const VOLT = { name: "voltage", prefixes: [["mV", 1e3, 1], ["V", 1, Infinity]] };
export const AMPERE = { name: "current", prefixes: [["nA", 1e9, 1e-6], ["µA", 1e6, 1e-3], ["mA", 1e3, 1], ["A", 1, Infinity]] };
export const OVERPOTENTIAL = { name: "overpotential", prefixes: [["mV", 1e3, 1], ["V", 1, Infinity]] };
export const EFFICIENCY = { name: "coulombic efficiency", prefixes: [["", 1, Infinity]], leastSpan: 0.004 };
export const OHM = { name: "resistance", prefixes: [["Ω", 1, 1e4], ["kΩ", 1e-3, 1e7], ["MΩ", 1e-6, Infinity]] };
export const CAPACITY = { name: "charge", prefixes: [["µAh", 1e6 / 3600, 3.6e-1], ["mAh", 1e3 / 3600, 3.6e3], ["Ah", 1 / 3600, Infinity]] };

/** The prefix that suits a range: its sign and the factor from SI. */
export function prefix(quantity, least, most) {
  const reach = Math.max(Math.abs(least), Math.abs(most));
  const [sign, factor] = quantity.prefixes.find(([, , below]) => reach < below);
  return { sign, factor };
}

/** Steps between ticks of a time axis, s. */
export const timeSteps = (_, __, from, to) => (to - from < CLOCK_SPAN_s ? CLOCK_s : HOURS_s);

/** What a time axis is called. */
export const timeTitle = (span) => (span < CLOCK_SPAN_s ? "time since the start / h:mm:ss" : "time since the start / h");

/** Ticks of a time axis. */
export function timeTicks(seconds, step, span) {
  if (span >= CLOCK_SPAN_s) return seconds.map((s) => String(Number((s / 3600).toFixed(2))));
  return seconds.map((s) => clock(s, step));
}

/** A time since the start as `h:mm:ss`, with decimals if steps are short. */
export function clock(second, step = 1) {
  const sign = second < 0 ? "−" : "";
  const decimals = step >= 1 ? 0 : Math.min(6, Math.ceil(-Math.log10(step)));
  const whole = Number(Math.abs(second).toFixed(decimals));
  const [h, m] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  const s = (whole - h * 3600 - m * 60).toFixed(decimals).padStart(decimals ? decimals + 3 : 2, "0");
  return `${sign}${h}:${String(m).padStart(2, "0")}:${s}`;
}

/** Ticks of a quantity, in the prefix that suits the range. */
export function ticks(quantity, values, least, most) {
  const { factor } = prefix(quantity, least, most);
  return values.map((value) => String(Number((value * factor).toPrecision(10))).replace("-", "−"));
}
