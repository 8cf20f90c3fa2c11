// The wall: every channel of every station, what needs a person first; sized to be read across a room.

import { make, mark, say } from "./dom.js";
import { filtered, ORDERS, tallied } from "./wall_order.js";
import { Grid } from "./wall_grid.js";
import { look, shape } from "./states.js";
import { shownState } from "./wall_state.js";
import { Tile } from "./wall_tile.js";
import { Trends } from "./trends.js";

const REORDER_EVERY_ms = 2000;
const SIZES = { fit: "as large as fits", small: "small", medium: "medium", large: "large" };
const chosen = { state: "", text: "", order: "attention", size: "fit" };

/** Show the wall. */
export function open(main, page) {
  const { live, lastRuns, notices } = page;
  const trends = new Trends(live);
  const tally = make("div", { class: "tally", role: "group", "aria-label": "Show only channels that are" });
  const text = make("input", { type: "search", value: chosen.text, placeholder: "channel, cell, protocol", oninput: () => choose("text", text.value) });
  const order = select(Object.fromEntries(Object.entries(ORDERS).map(([key, { words }]) => [key, words])), "order");
  const size = select(SIZES, "size");
  const none = make("p", { class: "empty panel", hidden: true });
  const list = make("ul", { class: "tiles live", "aria-label": "Channels" });
  main.append(
    make("h1", { class: "unseen" }, "Wall"),
    make("div", { class: "bar" }, tally,
      make("label", { class: "push" }, "Find", text), make("label", {}, "Sort by", order), make("label", {}, "Tiles", size)),
    none, list);

  const grid = new Grid(list, (key) => new Tile(key, page, trends));
  let due = 0;
  let waiting = null;

  function select(choices, name) {
    const element = make("select", { onchange: () => choose(name, element.value) },
      ...Object.entries(choices).map(([value, words]) => make("option", { value, selected: chosen[name] === value }, words)));
    return element;
  }
  function choose(name, value) {
    chosen[name] = value;
    arrange();
  }
  /** Put the tiles in order: not more often than an eye can follow. */
  function arrange() {
    due = performance.now() + REORDER_EVERY_ms;
    clearTimeout(waiting);
    waiting = null;
    const channels = [...live.channels.values()].map((channel) => ({ ...channel, state: shownState(channel, page) }));
    showTally(tally, tallied(channels), (state) => choose("state", chosen.state === state ? "" : state));
    const keys = filtered(channels, chosen);
    none.hidden = keys.length > 0;
    say(none, channels.length ? "No channel is like that." : "No station has been heard of yet.");
    grid.arrange(keys, chosen.size);
  }
  const changed = ({ detail }) => {
    grid.refresh(detail);
    if (performance.now() > due) arrange();
    else waiting ??= setTimeout(arrange, REORDER_EVERY_ms);
  };
  const all = () => changed({ detail: live.channels.keys() });
  const events = { state: changed, stations: all, freshness: all };
  for (const [kind, listener] of Object.entries(events)) live.addEventListener(kind, listener);
  lastRuns.addEventListener("last", changed);
  notices.addEventListener("change", all);
  trends.addEventListener("trend", ({ detail }) => grid.refresh(detail));
  arrange();
  return {
    close() {
      for (const [kind, listener] of Object.entries(events)) live.removeEventListener(kind, listener);
      lastRuns.removeEventListener("last", changed);
      notices.removeEventListener("change", all);
      clearTimeout(waiting);
      trends.close();
      grid.close();
    },
  };
}

function showTally(host, tally, choose) {
  const wanted = tally.map(({ state }) => state).join();
  if (host.dataset.states !== wanted) {
    host.dataset.states = wanted;
    host.replaceChildren(...tally.map(({ state }) => make("button", { type: "button", "data-state": state, "data-tone": look(state).tone, onclick: () => choose(state) },
      shape(state), make("b"), make("span", {}, state))));
  }
  tally.forEach(({ state, count }, place) => {
    say(host.children[place].querySelector("b"), String(count));
    mark(host.children[place], "aria-pressed", String(chosen.state === state));
  });
}
