// The frame: which view is shown, how fresh the figures are, what cannot wait.

import { session } from "./api.js";
import { make, mark, say } from "./dom.js";
import { duration } from "./format.js";
import { login } from "./login.js";
import { LastRuns } from "./last_runs.js";
import { Live } from "./live.js";
import { Notices } from "./notices.js";
import { shape } from "./states.js";
import { switchWith } from "./theme.js";

const VIEWS = {
  wall: () => import("./wall.js"),
  channel: () => import("./channel.js"),
  run: () => import("./run.js"),
  queue: () => import("./queue.js"),
  runs: () => import("./runs.js"),
  compare: () => import("./compare.js"),
  check: () => import("./check.js"),
  events: () => import("./events.js"),
};
const UNDER = { channel: "wall", run: "runs", compare: "runs" };

const main = document.getElementById("main");
const live = new Live();
const notices = new Notices(live);
const lastRuns = new LastRuns(live);
const page = { live, notices, lastRuns, rights: null };
let shown = null;
let turn = 0;

/** Show the view that the address names: `#/run/12` is the view `run` with `12`. */
async function show() {
  const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  const view = name in VIEWS ? name : "wall";
  const mine = ++turn;
  const opened = await VIEWS[view]();
  if (mine !== turn) return;
  shown?.close?.();
  main.replaceChildren();
  main.className = `view-${view}`;
  for (const link of document.querySelectorAll("nav [data-view]")) {
    mark(link, "aria-current", link.dataset.view === (UNDER[view] ?? view) ? "page" : null);
  }
  const first = shown === null;
  shown = opened.open(main, page, ...rest) ?? {};
  const heading = main.querySelector("h1");
  document.title = `${heading?.textContent ?? "labctl"} · labctl`;
  heading?.setAttribute("tabindex", "-1");
  if (!first) {
    scrollTo(0, 0);
    heading?.focus({ preventScroll: true });
  }
}

function freshness() {
  const link = document.querySelector(".head .link");
  mark(link, "data-stale", live.stale);
  mark(document.documentElement, "data-stale", live.stale);
  const lost = `not connected: these figures are ${duration(live.silence_s)} old`;
  say(link.querySelector(".age"), live.stale ? lost : "live");
  alarms();
}

/** What cannot wait, in words, above everything; a reader of the screen is told when it changes. */
function alarms() {
  const host = document.getElementById("alarms");
  const texts = [];
  if (live.stale && live.silence_s > 3) texts.push("Connection lost. What is shown is old; the cells go on without this page.");
  for (const station of live.stations.values()) {
    if (station.online === false) texts.push(`Station ${station.station} is not heard of: its figures are the last that are known.`);
  }
  for (const channel of live.channels.values()) {
    if (channel.state === "unsafe") texts.push(`${channel.channel} is UNSAFE: the circuit is not confirmed open. Look at the cell. ${channel.reason ?? ""}`);
  }
  if (host.dataset.said === texts.join("\n")) return;
  host.dataset.said = texts.join("\n");
  host.replaceChildren(...texts.map((text) => make("p", { class: "alarm" }, shape("unsafe"), make("span", {}, text))));
}

/** How many events nobody looks after yet, beside their view's name. */
function countEvents() {
  const badge = document.querySelector(".head .count");
  badge.hidden = notices.open === 0;
  badge.replaceChildren(`${notices.open}${notices.more ? "+" : ""}`, make("span", { class: "unseen" }, " not acknowledged"));
}

async function begin() {
  switchWith(document.getElementById("theme"));
  page.rights = await login(session);
  live.addEventListener("freshness", freshness);
  live.addEventListener("state", alarms);
  live.addEventListener("stations", alarms);
  notices.addEventListener("change", countEvents);
  live.open();
  if (page.rights.may.history) {
    notices.recall(live);
    live.addEventListener("state", () => lastRuns.read().catch(() => {}), { once: true });
  }
  addEventListener("hashchange", show);
  await show();
  (window.requestIdleCallback ?? setTimeout)(() => VIEWS.run().catch(() => {})); // the largest, so that a click does not wait for it
}

begin();
