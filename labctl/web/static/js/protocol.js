// The protocol of a run: its plan as steps, and its text, with the present step marked in both.

import { make } from "./dom.js";
import { inPrint } from "./format.js";

/** The plan as a nested list; `path` is the present step's place, or empty. */
export function planList(steps, path = "") {
  const root = make("ol", { class: "plan" });
  const levels = [root];
  for (const step of steps) {
    levels.length = step.depth + 1;
    const now = Boolean(path) && step.path === path;
    const item = make("li", { class: now ? "now" : null, "aria-current": now ? "step" : null },
      make("div", { class: "line" }, make("span", {}, inPrint(step.text)), now && make("span", { class: "here" }, "◀ here")));
    (levels[step.depth] ??= nested(levels)).append(item);
  }
  return root;
}

function nested(levels) {
  const list = make("ol");
  const last = levels.findLast((level) => level);
  (last.lastChild ?? last).append(list);
  return list;
}

/** The text with line numbers; some lines marked, by number from 1: `{12: "now"}`. */
export function source(text, marks = {}, name = "The text of the protocol") {
  return make("pre", { class: "source", tabindex: "0", role: "region", "aria-label": name },
    ...text.replace(/\n$/, "").split("\n").map((line, n) => make("span", { class: marks[n + 1] }, line)));
}
