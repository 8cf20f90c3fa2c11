// One channel: its run, if it has one; else what waits for it.

import { make } from "./dom.js";
import { open as openRun } from "./run.js";
import { queueTable } from "./queue.js";
import { look, shape } from "./states.js";
import { verbButtons } from "./verbs.js";

/** Show what a channel does; when it begins another run, show that one. */
export function open(main, page, station, name) {
  const key = `${station}/${name}`;
  let [run, view] = [undefined, null];

  function follow() {
    const channel = page.live.channels.get(key);
    const id = channel?.run_id ?? null;
    if (channel && id === run && (id || channel.state === view?.state)) return;
    if (!channel && view) return;
    run = id;
    view?.close();
    main.replaceChildren();
    view = id ? openRun(main, page, id) : openIdle(main, page, channel, key);
    document.title = `${main.querySelector("h1").textContent} · labctl`;
  }
  page.live.addEventListener("state", follow);
  follow();
  return {
    close() {
      page.live.removeEventListener("state", follow);
      view?.close();
    },
  };
}

function openIdle(main, page, channel, key) {
  const name = key.slice(key.indexOf("/") + 1);
  const state = channel?.state ?? "connecting";
  const what = make("p", { class: "panel because", "data-tone": look(state).tone });
  main.append(
    make("div", { class: "bar" }, make("h1", {}, `Channel ${name}`), make("span", { class: "state", "data-tone": look(state).tone }, shape(state), make("span", {}, state)),
      make("div", { class: "bar push" }, ...(channel ? verbButtons(channel, page.rights) : []))),
    what,
    make("p", {}, make("a", { href: `#/check/${key.split("/").map(encodeURIComponent).join("/")}` }, "Check a protocol and put it into this channel's queue")));
  const queue = queueTable(page, (entry) => entry.channel === name && (!channel || entry.station === channel.station));
  main.append(queue.element);
  const say = () => what.replaceChildren(channel?.reason || (channel ? "Nothing runs here." : "This channel has not been heard of yet."), ...lastRun(page.lastRuns.of(key)));
  page.lastRuns.addEventListener("last", say); // which comes after the channel is idle
  say();
  return {
    state,
    close() {
      page.lastRuns.removeEventListener("last", say);
      queue.close();
    },
  };
}

function lastRun(last) {
  if (!last) return [];
  return [" The last run, ", make("a", { href: `#/run/${last.run}` }, `run ${last.run} of ${last.cell || "a cell without a name"}`), `, ${last.state}${last.why ? `: ${last.why}` : ""}.`];
}
