// Which channels the wall shows, and in which order.

import { keyOf } from "./live.js";
import { look } from "./states.js";

const names = new Intl.Collator(undefined, { numeric: true });
const byName = (a, b) => names.compare(a.station, b.station) || names.compare(a.channel, b.channel);
const nothingLast = (a, b) => (a === null || a === undefined) - (b === null || b === undefined);
const rising = (field) => (a, b) => nothingLast(a[field], b[field]) || a[field] - b[field];
const falling = (field) => (a, b) => nothingLast(a[field], b[field]) || b[field] - a[field];

/** What one may sort by. */
export const ORDERS = {
  attention: { words: "what needs me", compare: (a, b) => look(a.state).rank - look(b.state).rank },
  name: { words: "name", compare: () => 0 },
  cell: { words: "cell", compare: (a, b) => names.compare(a.cell || "\uffff", b.cell || "\uffff") },
  cycle: { words: "cycle", compare: falling("cycle") },
  overpotential: { words: "overpotential", compare: falling("overpotential_volt") },
  left: { words: "time left", compare: rising("remaining_second") },
};

/** Keys of the channels that fit `{state, text}`, in the order of `order`; equals by name. */
export function filtered(channels, { state, text, order }) {
  const wanted = text.trim().toLowerCase();
  const fits = (channel) =>
    (!state || channel.state === state) &&
    (!wanted || [channel.channel, channel.cell, channel.protocol, channel.station].some((name) => name?.toLowerCase().includes(wanted)));
  const { compare } = ORDERS[order];
  return channels.filter(fits).sort((a, b) => compare(a, b) || byName(a, b)).map(keyOf);
}

/** How many channels are in each state, what needs a person first. */
export function tallied(channels) {
  const counts = new Map();
  for (const { state } of channels) counts.set(state, (counts.get(state) ?? 0) + 1);
  return [...counts].map(([state, count]) => ({ state, count }))
    .sort((a, b) => look(a.state).rank - look(b.state).rank || names.compare(a.state, b.state));
}
