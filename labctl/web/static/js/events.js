// Events of all stations, what asks something of a person first; each can be acknowledged.

import { make, tableOf } from "./dom.js";
import { moment } from "./format.js";
import { note } from "./note.js";
import { shape } from "./states.js";

const SHAPES = { alarm: "unsafe", warning: "held", notice: "finished", info: "idle" };
const TONES = { alarm: "danger", warning: "hold", notice: "done", info: "quiet" };
const COLUMNS = { severity: {}, where: {}, cell: {}, what: { whole: true }, since: {} };
const ASKING = { ...COLUMNS, act: { unseen: true } };
const PAST = { ...COLUMNS, "looked after by": {} };
const chosen = { all: false };

/** Show the events. */
export function open(main, { notices, rights }) {
  const all = make("input", { type: "checkbox", checked: chosen.all, onchange: () => show() });
  const host = make("div", { class: "editor" });
  main.append(make("div", { class: "bar" }, make("h1", {}, "Events"), make("label", { class: "push" }, all, "also those that ask nothing of anybody")), host);
  const failed = make("p", { class: "empty", hidden: true });
  main.append(failed);

  function show() {
    chosen.all = all.checked;
    const asking = notices.all.filter((event) => notices.asks(event));
    const rest = notices.all.filter((event) => !notices.asks(event) && (chosen.all || event.severity !== "info"));
    host.replaceChildren(
      section("Somebody should look", asking, true) ?? make("p", { class: "empty panel" }, "Nothing asks for anybody."),
      section("Before", rest, false) ?? "");
  }
  function section(title, events, asks) {
    return events.length ? make("section", { class: "panel scroll-across", "aria-label": title, tabindex: "0" }, make("h2", { class: "inset" }, `${title} (${events.length})`), tableOf(title, asks ? ASKING : PAST, events.map((event) => rowOf(event, asks)))) : null;
  }
  function rowOf(event, asks) {
    const { severity = "info", channel, station, run_id: run, cell } = event;
    const where = channel && station ? `#/channel/${encodeURIComponent(station)}/${encodeURIComponent(channel)}` : "#/";
    return {
      "data-event": event.id,
      cells: [
        make("span", { class: "state", "data-tone": TONES[severity] }, shape(SHAPES[severity] ?? "idle"), make("span", {}, severity)),
        make("span", { class: "figure" }, make("a", { href: where }, [station, channel].filter(Boolean).join(" ")), run ? [", ", make("a", { href: `#/run/${run}` }, `run ${run}`)] : null),
        cell || "–", event.text, make("span", { class: "figure quiet" }, moment(event.unix_time_second)),
        asks ? acknowledgeButton(event) : event.acknowledged,
      ],
    };
  }
  function acknowledgeButton(event) {
    const button = make("button", {
      type: "button", class: "small", disabled: !rights.may.stop, title: rights.may.stop ? null : rights.why_not,
      async onclick() {
        button.disabled = true;
        try {
          note(await notices.acknowledge(event));
        } catch (refusal) {
          note(refusal.message);
          button.disabled = false;
        }
      },
    }, "I look after it", make("span", { class: "unseen" }, `: ${event.text}`));
    return button;
  }
  notices.addEventListener("change", show);
  show();
  return { close: () => notices.removeEventListener("change", show) };
}
