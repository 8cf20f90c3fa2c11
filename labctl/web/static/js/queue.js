// The queue: what runs, what is held, what waits, on every channel.

import { get } from "./api.js";
import { make, tableOf } from "./dom.js";
import { moment } from "./format.js";
import { look, shape } from "./states.js";
import { removeButton } from "./verbs.js";

const SETTLE_ms = 600;
const STATES = { queued: "waiting", done: "finished", removed: "ended" };

/** Show the queue of all stations. */
export function open(main, page) {
  const table = queueTable(page, () => true);
  main.append(
    make("div", { class: "bar" }, make("h1", {}, "Queue"), make("a", { class: "push", href: "#/check" }, "Check a protocol and submit it")),
    table.element);
  return { close: table.close };
}

/** A table of those entries that are `wanted`; it follows what happens. */
export function queueTable(page, wanted) {
  const element = make("section", { class: "panel live scroll-across", "aria-label": "Entries", tabindex: "0" });
  let [waiting, closed, told] = [null, false, ""];

  async function read() {
    waiting = null;
    try {
      const { entries } = await get("/queue");
      if (!closed) show(entries.filter(wanted));
    } catch (failure) {
      if (!closed) element.replaceChildren(make("p", { class: "empty" }, `The queue cannot be read: ${failure.message}`));
    }
  }
  function show(entries) {
    const several = new Set(entries.map(({ station }) => station)).size > 1;
    const rows = entries.map((entry) => ({ cells: cellsOf(entry, several, page.rights) }));
    element.replaceChildren(rows.length ? tableOf("Entries of the queue", COLUMNS, rows) : make("p", { class: "empty" }, "Nothing runs and nothing waits."));
  }
  function changed() {
    const now = [...page.live.channels.values()].map(({ state, entry, queued, run_id: run }) => `${state}${entry}${queued}${run}`).join();
    if (now === told) return;
    told = now;
    waiting ??= setTimeout(read, SETTLE_ms);
  }
  page.live.addEventListener("state", changed);
  read();
  return {
    element,
    close() {
      closed = true;
      clearTimeout(waiting);
      page.live.removeEventListener("state", changed);
    },
  };
}

const COLUMNS = { entry: {}, channel: {}, state: {}, cell: {}, protocol: {}, run: {}, submitted: {}, why: { whole: true }, act: { unseen: true } };

function cellsOf(entry, several, rights) {
  const state = STATES[entry.state] ?? entry.state;
  return [
    entry.entry,
    make("a", { href: `#/channel/${encodeURIComponent(entry.station)}/${encodeURIComponent(entry.channel)}` }, several ? `${entry.station} ${entry.channel}` : entry.channel),
    make("span", { class: "state", "data-tone": look(state).tone }, shape(state), make("span", {}, state)),
    entry.cell || "–", entry.protocol,
    entry.run_id ? make("a", { href: `#/run/${entry.run_id}` }, String(entry.run_id)) : "–",
    make("span", { class: "figure quiet" }, moment(entry.submitted_unix_second)),
    entry.reason || null,
    entry.state === "queued" ? removeButton(entry, rights) : null,
  ];
}
