// Checks a protocol as it is written: its plan, or what is wrong and where; from here it can be put into a queue.

import { get, post } from "./api.js";
import { make, mark, say } from "./dom.js";
import { count, duration, fixed } from "./format.js";
import { askToken } from "./login.js";
import { note } from "./note.js";
import { planList, source } from "./protocol.js";

const TYPING_ms = 500;
const DRAFT = "labctl-protocol";

/** Show the checker; a channel that is given is the one to submit to. */
export function open(main, page, station = "", channel = "") {
  const text = make("textarea", { id: "protocol", spellcheck: "false", autocapitalize: "off", "aria-describedby": "verdict", oninput: () => again(TYPING_ms) });
  text.value = sessionStorage.getItem(DRAFT) ?? "";
  const bundled = make("select", { onchange: () => choose() }, make("option", { value: "" }, "choose one"));
  const verdict = make("p", { id: "verdict", class: "because panel", role: "status" }, "Choose a protocol, or write one.");
  const found = make("div", { class: "editor" });
  const submit = new Submit(page, station, channel, () => text.value);
  main.append(
    make("div", { class: "bar" }, make("h1", {}, "Check a protocol"), make("label", {}, "Begin with", bundled)),
    make("div", { class: "two" },
      make("div", { class: "editor" }, make("label", { for: "protocol" }, "Protocol"), text, submit.element),
      make("div", { class: "editor" }, verdict, found)));
  let [protocols, waiting, turn] = [[], null, 0];

  function choose() {
    const protocol = protocols.find(({ name }) => name === bundled.value);
    if (!protocol) return;
    text.value = protocol.text;
    again(0);
  }
  function again(after_ms) {
    clearTimeout(waiting);
    sessionStorage.setItem(DRAFT, text.value);
    submit.allow(false);
    waiting = setTimeout(check, after_ms);
  }
  async function check() {
    const mine = ++turn;
    if (!text.value.trim()) return;
    try {
      const answer = await post("/check", { protocol: text.value });
      if (mine === turn) show(answer);
    } catch (failure) {
      if (mine === turn) judge("hold", failure.message);
    }
  }
  function judge(tone, sentence) {
    mark(verdict, "data-tone", tone);
    say(verdict, sentence);
  }
  function show(answer) {
    const { ok, problems, refusals } = answer;
    submit.allow(ok);
    mark(text, "aria-invalid", problems.length > 0 ? "true" : null);
    if (problems.length) judge("danger", problems.length === 1 ? "There is one mistake." : `There are ${problems.length} mistakes.`);
    else if (refusals.length) judge("hold", `The protocol is right, but ${answer.instrument.model ?? "the instrument"} cannot hold all of it.`);
    else judge("run", "The protocol is right. This is the plan:");
    found.replaceChildren(...(problems.length ? wrong(problems, text) : right(answer)));
  }
  get("/protocols").then((answer) => {
    ({ protocols } = answer);
    bundled.append(...protocols.map(({ name }) => make("option", { value: name }, name)));
  }, (failure) => judge("hold", failure.message));
  if (text.value) again(0);
  return { close: () => clearTimeout(waiting) };
}

function wrong(problems, text) {
  const marks = Object.fromEntries(problems.map(({ line }) => [line, "wrong"]));
  return [
    make("ul", { class: "findings" }, ...problems.map(({ line, column, problem, remedy }) => make("li", { class: "refused" },
      make("button", { type: "button", class: "small", onclick: () => goTo(text, line, column) }, `line ${line}, column ${column}`),
      " ", make("strong", {}, problem), remedy ? ` ${remedy}` : ""))),
    make("div", { class: "panel" }, source(text.value, marks)),
  ];
}

function goTo(text, line, column) {
  const before = text.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  text.focus();
  text.setSelectionRange(before + column - 1, before + column);
}

function right({ estimate, steps, holds, refusals, lines, instrument }) {
  const facts = estimate && {
    "takes about": duration(estimate.duration_second), "at most": duration(estimate.duration_at_most_second), cycles: count(estimate.cycles), steps: count(estimate.steps),
    charge: `${fixed(estimate.charge_coulomb / 3.6, 2)} mAh`, "rows, at most": count(estimate.rows_at_most), spectra: count(estimate.spectra),
  };
  const list = (title, texts, name) => texts.length > 0 && make("div", { class: "panel inset" }, make("h2", {}, title), make("ul", { class: name }, ...texts.map((sentence) => make("li", {}, sentence))));
  return [
    facts && make("dl", { class: "facts panel" }, ...Object.entries(facts).map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value)))),
    list(`${instrument.model ?? instrument.driver ?? "The instrument"} cannot hold`, refusals, "refusals"),
    make("div", { class: "panel inset" }, make("h2", {}, "Plan"), planList(steps)),
    list("Held by the instrument itself", holds, ""),
    make("details", { class: "panel" }, make("summary", {}, "As labctl check prints it"), source(lines.join("\n"), {}, "The plan as text")),
  ].filter(Boolean);
}

/** The form below the text, which puts the protocol into a channel's queue. */
class Submit {
  constructor(page, station, channel, text) {
    Object.assign(this, { page, text });
    this.channel = make("select", { required: true });
    for (const known of page.live.channels.values()) {
      const value = JSON.stringify([known.station, known.channel]);
      this.channel.append(make("option", { value, selected: known.station === station && known.channel === channel }, `${known.station} · ${known.channel} (${known.state})`));
    }
    this.cell = make("input", { type: "text", maxlength: 200, placeholder: "as it is labelled" });
    this.unattended = make("input", { type: "checkbox" });
    this.button = make("button", { class: "main", disabled: true }, "Put into the queue");
    this.said = make("p", { role: "alert", class: "refused", hidden: true });
    const { rights } = page;
    this.element = make("form", { class: "bar panel inset", "aria-label": "Submit", onsubmit: (event) => this.#send(event) },
      make("label", {}, "Channel", this.channel), make("label", {}, "Cell", this.cell),
      make("label", {}, this.unattended, "nobody will be there"), this.button,
      !rights.may.start && make("p", { class: "quiet" }, rights.why_not || "This viewer may only look."), this.said);
  }

  allow(ok) {
    this.button.disabled = !ok || !this.page.rights.may.start || !this.channel.value;
    this.command = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random().toString(36).slice(2)}`;
  }

  async #send(event) {
    event.preventDefault();
    this.button.disabled = true;
    this.said.hidden = true;
    try {
      await this.#act();
    } catch (refusal) {
      const again = ["token-again", "token-wanted"].includes(refusal.kind);
      if (again && (await askToken("Starting a run needs the token again."))) await this.#act().catch((second) => this.#refused(second));
      else this.#refused(refusal);
    }
  }

  async #act() {
    const [station, channel] = JSON.parse(this.channel.value);
    const cell = this.cell.value.trim();
    const { message } = await post("/queue", {
      station, channel, protocol: this.text(), ...(cell && { cell: { name: cell } }), unattended: this.unattended.checked, command_id: this.command,
    });
    note(message);
    location.hash = `#/channel/${encodeURIComponent(station)}/${encodeURIComponent(channel)}`;
  }

  #refused(refusal) {
    this.said.textContent = refusal.message;
    this.said.hidden = false;
    this.button.disabled = false;
  }
}
