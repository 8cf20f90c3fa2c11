// Colours that rise in lightness from the first cycle to the last, told apart by the colour-blind too.

import { isDark } from "./theme.js";

/** Viridis in eleven steps. Source: matplotlib, _cm_listed.py, every 25th entry. */
const VIRIDIS = ["#440154", "#482576", "#414487", "#35608d", "#2a788e", "#21908d", "#22a884", "#43bf71", "#7ad151", "#bddf26", "#fde725"];

/** So many colours; the ends that would vanish on the ground are left out. */
export function cycleColours(count) {
  const [from, to] = isDark() ? [0.28, 1] : [0, 0.82];
  return Array.from({ length: count }, (_, n) => between(from + ((to - from) * n) / Math.max(1, count - 1)));
}

function between(part) {
  const place = part * (VIRIDIS.length - 1);
  const low = Math.min(VIRIDIS.length - 2, Math.floor(place));
  const [a, b] = [VIRIDIS[low], VIRIDIS[low + 1]].map((hex) => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)));
  return `rgb(${a.map((value, n) => Math.round(value + (b[n] - value) * (place - low))).join(" ")})`;
}
