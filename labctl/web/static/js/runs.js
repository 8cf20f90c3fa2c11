// Runs, the newest first: find them by cell and state, choose some to compare.

import { get } from "./api.js";
import { make, say, tableOf } from "./dom.js";
import { count, duration, moment } from "./format.js";
import { look, shape } from "./states.js";

const STATES = ["running", "paused", "finished", "stopped", "ended", "faulted", "failed", "unsafe", "interrupted"];
const COLUMNS = {
  compare: {}, run: {}, cell: {}, protocol: {}, channel: {}, state: {}, started: {}, length: { number: true }, samples: { number: true }, "why it ended": { whole: true },
};
const PAGE = 100;
const TYPING_ms = 250;
const MOST = 8; // lines that can be told apart

/** Show the runs. */
export function open(main, page) {
  const chosen = new Set();
  const cell = make("input", { type: "search", placeholder: "part of its name", oninput: () => again(TYPING_ms) });
  const state = make("select", { onchange: () => again(0) }, make("option", { value: "" }, "any"), ...STATES.map((word) => make("option", { value: word }, word)));
  const compare = make("button", { class: "main push", type: "button", disabled: true, onclick: () => (location.hash = `#/compare/${[...chosen].join(",")}`) }, "Compare");
  const host = make("div");
  const none = make("p", { class: "empty", hidden: true });
  const more = make("button", { type: "button", hidden: true, onclick: () => read(next) }, "Older runs");
  main.append(
    make("div", { class: "bar" }, make("h1", {}, "Runs"), make("label", {}, "Cell", cell), make("label", {}, "State", state), compare),
    make("section", { class: "panel scroll-across", "aria-label": "Runs", tabindex: "0" }, host, none), more);
  let [known, next, waiting, asking] = [[], null, null, new AbortController()];

  function again(after_ms) {
    clearTimeout(waiting);
    waiting = setTimeout(() => read(null), after_ms);
  }
  async function read(before) {
    asking.abort();
    asking = new AbortController();
    const query = new URLSearchParams({ limit: PAGE });
    if (cell.value.trim()) query.set("cell", cell.value.trim());
    if (state.value) query.set("state", state.value);
    if (before) query.set("before", before);
    try {
      const answer = await get(`/runs?${query}`, asking.signal);
      next = answer.next_before;
      show(answer.runs, before !== null);
    } catch (failure) {
      if (failure.name !== "AbortError") refuse(failure.message);
    }
  }
  function show(runs, append) {
    known = append ? [...known, ...runs] : runs;
    host.replaceChildren(tableOf("Runs", COLUMNS, known.map((run) => ({ cells: cellsOf(run, chosen, choose) }))));
    none.hidden = known.length > 0;
    host.hidden = !none.hidden;
    say(none, cell.value || state.value ? "No run is like that." : "No run has been begun yet.");
    more.hidden = next === null;
  }
  function refuse(sentence) {
    none.hidden = false;
    host.hidden = true;
    say(none, `The runs cannot be read: ${sentence}`);
  }
  function choose() {
    compare.disabled = chosen.size < 2;
    say(compare, chosen.size < 2 ? "Compare" : `Compare ${chosen.size} runs`);
    for (const box of host.querySelectorAll("input")) box.disabled = !box.checked && chosen.size >= MOST;
  }
  const ended = ({ detail }) => ["run_started", "run_ended"].includes(detail.kind) && again(TYPING_ms);
  page.live.addEventListener("event", ended);
  read(null);
  return {
    close() {
      clearTimeout(waiting);
      asking.abort();
      page.live.removeEventListener("event", ended);
    },
  };
}

function cellsOf(run, chosen, changed) {
  const { run_id: id } = run;
  const box = make("input", {
    type: "checkbox", checked: chosen.has(id), "aria-label": `Compare run ${id}`,
    onchange: () => {
      if (box.checked) chosen.add(id);
      else chosen.delete(id);
      changed();
    },
  });
  return [
    box, make("a", { href: `#/run/${id}` }, String(id)), run.cell || "–", run.protocol, run.channel,
    make("span", { class: "state", "data-tone": look(run.state).tone }, shape(run.state), make("span", {}, run.state)),
    make("span", { class: "figure" }, moment(run.started_unix_time_second)), duration(run.last_sample_second), count(run.sample_count), run.end_reason,
  ];
}
