// What a person may ask of a channel: pause, resume, skip, stop, abort; each only after a dialog that names the cell and what follows.

import { post } from "./api.js";
import { make } from "./dom.js";
import { inPrint } from "./format.js";
import { askToken } from "./login.js";
import { note } from "./note.js";

const SECOND_CLICK_ms = 700; // the second click of a double click does not confirm
const GOES_ON = ["running", "last step", "skipping"];

/** What follows, and when it can be asked for. `starts`: current flows again, so somebody has to have looked. */
const VERBS = {
  pause: { word: "Pause", when: GOES_ON, then: "The circuit is opened after the present sample. The run waits, and can go on with the same half-cycle." },
  resume: { word: "Resume", when: ["paused", "held"], starts: true, then: "Current flows again: the run goes on with the same half-cycle, after a look at the open-circuit voltage." },
  skip: { word: "Skip step", when: [...GOES_ON, "held"], starts: true, then: "The present step ends and the plan goes on with the next one. Of a channel that is held, the run is given up and the queue goes on." },
  stop: { word: "Stop after step", when: [...GOES_ON, "paused", "pausing", "held"], then: "The run ends after its present step, and cannot be un-ended. Of a channel that is held, the run is given up." },
  abort: { word: "Abort", when: [...GOES_ON, "paused", "pausing", "held", "connecting", "opening", "unsafe"], grave: true, then: "The circuit is opened at once and the run ends, wherever it is in its half-cycle. This cannot be undone." },
};

/** Buttons for a channel; those that make no sense in its state are left out. `rights`: what the viewer may do. */
export function verbButtons(channel, rights) {
  const may = { true: rights.may.start, false: rights.may.stop };
  return Object.entries(VERBS)
    .filter(([, { when }]) => when.includes(channel.state))
    .map(([verb, { word, starts = false, grave }]) => make("button", {
      type: "button", class: grave ? "grave" : null, disabled: !may[starts], title: may[starts] ? null : rights.why_not || "this viewer may only look",
      "data-verb": verb, onclick: () => confirm(verb, channel, rights),
    }, word));
}

/** Ask for something that is named by an entry of the queue instead. */
export function removeButton(entry, rights) {
  const channel = { ...entry, state: "queued" };
  return make("button", { type: "button", class: "small", disabled: !rights.may.stop, onclick: () => confirm("stop", channel, rights, entry.entry) }, "Take off", make("span", { class: "unseen" }, ` ${entry.entry}`));
}

function confirm(verb, channel, rights, entry = null) {
  const { word, starts, grave, then } = VERBS[verb];
  const title = entry ? `Take ${entry} off the queue?` : `${word}: ${channel.cell || channel.channel}?`;
  const looked = starts && make("input", { type: "checkbox", required: true, name: "looked" });
  const go = make("button", { class: grave ? "main grave" : "main", disabled: true, name: "go" }, entry ? "Take off" : word);
  const wrong = make("p", { class: "refused", role: "alert", hidden: true });
  const command = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random().toString(36).slice(2)}`;
  const dialog = make("dialog", { "aria-labelledby": "confirm-title", "aria-describedby": "confirm-then" },
    make("form", { onsubmit: send },
      make("h2", { id: "confirm-title" }, title),
      make("dl", { class: "subject" }, ...subject(channel)),
      make("p", { id: "confirm-then" }, entry ? "The entry leaves the queue; nothing that runs is touched." : then),
      looked && make("label", { class: "looked" }, make("span", {}, looked, " I have looked at the cell and its connections")),
      wrong,
      make("div", { class: "choices" }, make("button", { type: "button", onclick: () => dialog.close(), autofocus: true }, "Leave it"), go)));
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal();
  setTimeout(() => (go.disabled = false), SECOND_CLICK_ms);

  async function send(submitted) {
    submitted.preventDefault();
    if (go.disabled) return;
    go.disabled = true;
    try {
      await act();
    } catch (refusal) {
      const again = ["token-again", "token-wanted"].includes(refusal.kind);
      if (again && (await askToken("Letting current flow needs the token again."))) await act().catch(refused);
      else refused(refusal);
    }
  }
  async function act() {
    const body = { confirm: channel.cell || channel.channel, station: channel.station, command_id: command };
    const { message } = await post(`/runs/${encodeURIComponent(entry ?? channel.channel)}/${verb}`, body);
    dialog.close();
    note(message);
  }
  function refused(refusal) {
    wrong.textContent = refusal.message;
    wrong.hidden = false;
    go.disabled = false;
  }
}

function subject({ cell, channel, station, protocol, run_id: run, doing }) {
  const rows = { cell: cell || "without a name", channel: `${channel} of ${station}`, protocol, run: run && String(run), doing: doing && inPrint(doing) };
  return Object.entries(rows).filter(([, value]) => value).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]);
}
