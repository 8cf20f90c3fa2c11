// Figures as a laboratory writes them: SI prefixes, a true minus, as many digits as can be read.

const MINUS = "−";
const NOTHING = "–";

/** A number with a fixed count of decimals. */
export function fixed(value, decimals) {
  const text = Math.abs(value).toFixed(decimals);
  return (value < 0 && Number(text) !== 0 ? MINUS : "") + text;
}

/** The same, with its sign always shown. */
export function signed(value, decimals) {
  const text = fixed(value, decimals);
  return text.startsWith(MINUS) ? text : `+${text}`;
}

/** A voltage: millivolts below one volt. */
export function voltage(volt, decimals = 1) {
  if (volt === null || volt === undefined) return NOTHING;
  return Math.abs(volt) < 1 ? `${signed(volt * 1e3, decimals)} mV` : `${signed(volt, 4)} V`;
}

/** A current with four digits, from nanoamperes to amperes. */
export function current(ampere) {
  if (ampere === null || ampere === undefined) return NOTHING;
  if (ampere === 0) return "0 µA";
  const size = Math.abs(ampere);
  const [unit, scale] = size < 1e-6 ? ["nA", 1e9] : size < 1e-3 ? ["µA", 1e6] : size < 1 ? ["mA", 1e3] : ["A", 1];
  return `${signed(ampere * scale, Math.max(0, 3 - Math.floor(Math.log10(size * scale))))} ${unit}`;
}

/** A temperature. */
export function celsius(kelvin) {
  return `${(kelvin - 273.15).toFixed(1)} °C`;
}

/** An overpotential, which has no sign of its own. */
export function overpotential(volt) {
  if (volt === null || volt === undefined) return NOTHING;
  return volt < 1 ? `${fixed(volt * 1e3, 1)} mV` : `${fixed(volt, 3)} V`;
}

/** A resistance with four digits. */
export function resistance(ohm) {
  if (ohm === null || ohm === undefined) return NOTHING;
  const [unit, scale] = Math.abs(ohm) < 1e3 ? ["Ω", 1] : Math.abs(ohm) < 1e6 ? ["kΩ", 1e-3] : ["MΩ", 1e-6];
  return `${Number((ohm * scale).toPrecision(4))} ${unit}`;
}

/** A frequency with three digits. */
export function frequency(hertz) {
  const [unit, scale] = hertz < 1 ? ["mHz", 1e3] : hertz < 1e3 ? ["Hz", 1] : ["kHz", 1e-3];
  return `${Number((hertz * scale).toPrecision(3))} ${unit}`;
}

/** A span of time in its two largest units: `3 d 4 h`, `12 min`, `45 s`. */
export function duration(second) {
  if (second === null || second === undefined) return NOTHING;
  const s = Math.max(0, Math.round(second));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return two(Math.floor(s / 3600), "h", Math.floor((s % 3600) / 60), "min");
  return two(Math.floor(s / 86400), "d", Math.floor((s % 86400) / 3600), "h");
}

function two(large, largeUnit, small, smallUnit) {
  return small ? `${large} ${largeUnit} ${small} ${smallUnit}` : `${large} ${largeUnit}`;
}

const CALENDAR = new Intl.DateTimeFormat("sv", { dateStyle: "short", timeStyle: "medium" }); // 2026-11-30 06:03:56

/** A moment on the calendar, in the reader's time zone. */
export function moment(unixSecond) {
  if (unixSecond === null || unixSecond === undefined) return NOTHING;
  return CALENDAR.format(unixSecond * 1000);
}

/** A step in the words of a plan, with the signs of print. */
export function inPrint(words) {
  return words.replaceAll("_", " ").replaceAll(">=", "≥").replaceAll("<=", "≤").replace(/(\d) u([AVs])\b/g, "$1 µ$2").replace(/(^|[\s(])-(?=\d)/g, "$1−").replaceAll("cm2", "cm²").replace(/\bohm\b/g, "Ω");
}

/** A whole number with thin spaces between thousands. */
export function count(number) {
  return String(Math.round(number)).replace(/\B(?=(\d{3})+$)/g, "\u2009");
}

/** The unit of time that suits a span: its name and its length in seconds. */
export function timeUnit(spanSecond) {
  if (spanSecond < 300) return { name: "s", second: 1 };
  if (spanSecond < 3 * 3600) return { name: "min", second: 60 };
  if (spanSecond < 100 * 3600) return { name: "h", second: 3600 };
  return { name: "d", second: 86400 };
}
