// One run: what it does or why it ended, its curves, its cycles and spectra, what was decided, and its protocol.

import { get } from "./api.js";
import { cycleColumns, efficiencyChart, overpotentialChart, resistanceChart, resistanceColumns } from "./by_cycle.js";
import { Curves } from "./curves.js";
import { make, mark, say } from "./dom.js";
import { Facts } from "./facts.js";
import { Nyquist } from "./nyquist.js";
import { planList, source } from "./protocol.js";
import { marksOf, RunEvents } from "./run_events.js";
import { look, reshape, shape } from "./states.js";
import { keyOf } from "./live.js";
import { verbButtons } from "./verbs.js";

const AROUND_s = 3600; // what is shown on each side of an event
const FITTING_ms = 2000; // the server fits spectra in the background
const SETTLE_ms = 400; // what comes close together is read once

/** Show run `id`; `of` is the key of its channel, if the way here said which. */
export function open(main, page, id) {
  return new RunView(main, page, Number(id));
}

class RunView {
  #closing = new AbortController();
  #soon = new Map();
  #path = null;
  #fitsAwaited = 20;

  constructor(main, page, id) {
    Object.assign(this, { main, page, id, live: page.live });
    this.title = make("h1", {}, `Run ${id}`);
    this.state = make("span", { class: "state" }, shape("idle"), make("span"));
    this.verbs = make("div", { class: "bar push", role: "group", "aria-label": "What may be asked of this run" });
    this.facts = new Facts();
    this.because = make("p", { class: "because panel", hidden: true });
    this.charts = make("div", { class: "two" });
    const events = make("section", { class: "panel", "aria-label": "Events" });
    this.plan = make("section", { class: "panel", "aria-label": "Protocol" });
    const curves = make("section", { class: "live curves", "aria-label": "Voltage and current" });
    main.append(make("div", { class: "bar" }, this.title, this.state, this.verbs), this.facts.element, this.because, curves, this.charts, this.plan, events);

    this.curves = new Curves(curves, id, () => this.goesOn);
    this.events = new RunEvents(events, (second) => this.curves.zoom(second - AROUND_s, second + AROUND_s));
    this.cycles = [overpotentialChart(this.charts), efficiencyChart(this.charts)];
    this.nyquist = new Nyquist(this.charts);
    this.resistances = resistanceChart(this.charts);
    this.#listen();
    for (const part of ["run", "cycles", "spectra", "events"]) this.#read(part);
  }

  /** The channel that carries this run out, as it is told live. */
  get channel() {
    for (const channel of this.live.channels.values()) if (channel.run_id === this.id) return channel;
    return null;
  }

  get goesOn() {
    return ["running", "paused"].includes(this.full?.run.state);
  }

  close() {
    this.#closing.abort();
    for (const timer of this.#soon.values()) clearTimeout(timer);
    this.live.wantSamples("none");
    for (const chart of [this.curves, ...this.cycles, this.nyquist, this.resistances]) chart.close();
  }

  #listen() {
    const { signal } = this.#closing;
    const mine = (detail) => detail.run_id === this.id;
    const on = (kind, act) => this.live.addEventListener(kind, ({ detail }) => act(detail), { signal });
    on("state", () => this.#showChannel());
    on("freshness", () => this.#showChannel());
    on("samples", ({ batches }) => batches.forEach(({ channels }) => Object.values(channels).filter(mine).forEach((samples) => this.curves.append(samples))));
    on("cycle", (cycle) => mine(cycle) && this.#again("cycles"));
    on("spectrum", (spectrum) => mine(spectrum) && this.#again("spectra"));
    on("event", (event) => {
      if (!mine(event)) return;
      this.#again("events");
      if (event.kind !== "step_ended") this.#again("run");
    });
    this.#showChannel();
  }

  #again(part, after_ms = SETTLE_ms) {
    if (this.#soon.has(part)) return;
    this.#soon.set(part, setTimeout(() => {
      this.#soon.delete(part);
      this.#read(part);
    }, after_ms));
  }

  async #read(part) {
    try {
      const answer = await get(`/runs/${this.id}${part === "run" ? "" : `/${part}`}`, this.#closing.signal);
      this.#show(part, answer);
    } catch (failure) {
      if (failure.name === "AbortError") return;
      if (part === "run") this.#cannot(failure);
    }
  }

  #cannot(failure) {
    if (this.full) return;
    this.because.hidden = false;
    mark(this.because, "data-tone", "hold");
    say(this.because, `The history of this run cannot be read: ${failure.message}`);
  }

  #show(part, answer) {
    const show = {
      run: () => this.#showRun(answer),
      cycles: () => {
        const columns = cycleColumns(answer);
        this.cycles[0].draw(columns.overpotential);
        this.cycles[1].draw(columns.efficiency);
      },
      spectra: () => {
        this.nyquist.draw(answer.spectra);
        this.resistances.draw(resistanceColumns(answer.spectra));
        if (answer.spectra.some(({ fit }) => !fit) && this.#fitsAwaited-- > 0) this.#again("spectra", FITTING_ms);
      },
      events: () => {
        this.curves.note(marksOf(answer.events));
        this.events.show(answer.events);
      },
    };
    show[part]();
  }

  #showRun(full) {
    this.full = full;
    const { run } = full;
    say(this.title, `${run.cell || "cell without a name"} · run ${run.run_id}`);
    document.title = `${this.title.textContent} · labctl`;
    this.#path = null;
    this.#showChannel();
  }

  #showChannel() {
    const { channel } = this;
    if (channel) this.live.wantSamples(keyOf(channel));
    const state = channel?.state ?? this.full?.run.state ?? "connecting";
    if (this.shown !== state) {
      this.shown = state;
      reshape(this.state.firstChild, state);
      say(this.state.lastChild, state);
      mark(this.state, "data-tone", look(state).tone);
      this.verbs.replaceChildren(...(channel ? verbButtons(channel, this.page.rights) : []));
    }
    this.facts.show(this.full, channel);
    this.#explain(channel, state);
    this.#showPlan(channel?.path ?? this.full?.present_step?.path ?? "");
  }

  #explain(channel, state) {
    if (!this.full) return;
    const why = channel?.reason || this.full.run.end_reason;
    this.because.hidden = !why;
    mark(this.because, "data-tone", look(state).tone);
    if (why) this.because.replaceChildren(make("strong", {}, why), this.full.next ? ` ${this.full.next}` : "");
  }

  #showPlan(path) {
    if (!this.full || path === this.#path) return;
    this.#path = path;
    const { steps, protocol_text: text, run } = this.full;
    const line = steps.find((step) => step.path === path)?.line;
    const open = this.plan.querySelector("details")?.open ?? false;
    this.plan.replaceChildren(
      make("h2", { class: "inset" }, `Protocol: ${run.protocol}`),
      steps.length ? planList(steps, path) : make("p", { class: "empty" }, "The plan was not stored."),
      make("details", { open }, make("summary", {}, "Text"), source(text, line ? { [line]: "now" } : {})));
  }
}
