// The states of a channel or a run: each has a shape, a word and a tone, so that none is told by its colour alone.

import { draw } from "./dom.js";

const PLAY = "M4 2.2 13.6 8 4 13.8z";
const BARS = "M3.5 2.5h3v11h-3zM9.5 2.5h3v11h-3z";
const SHAPES = {
  play: PLAY,
  last: "M2.5 2.5 10 8l-7.5 5.5zM11 2.5h2.5v11H11z",
  skip: "M1.5 3 8 8l-6.5 5zM8 3l6.5 5L8 13z",
  bars: BARS,
  ring: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zm0 2a4 4 0 1 1 0 8 4 4 0 0 1 0-8z",
  half: "M8 2a6 6 0 1 0 0 12zM8 2v2a4 4 0 0 1 0 8v2A6 6 0 0 0 8 2z",
  hand: "M5 1.5h6L14.5 5v6L11 14.5H5L1.5 11V5zM7 4v5h2V4zm0 6.2V12h2v-1.8z",
  warning: "M8 1 15.5 14.5H.5zM7.1 5.6v4.6h1.8V5.6zm0 5.6v1.8h1.8v-1.8z",
  check: "M2 8.6 4 6.6 6.6 9.2 12.2 3.4l2 2-7.6 7.8z",
  square: "M3 3h10v10H3z",
  cross: "M3.6 2 8 6.4 12.4 2 14 3.6 9.6 8l4.4 4.4-1.6 1.6L8 9.6 3.6 14 2 12.4 6.4 8 2 3.6z",
  gap: "M1.5 6.5h4v3h-4zM10.5 6.5h4v3h-4z",
};

/** Tone, shape and rank: what needs a person comes first. */
const STATES = {
  unsafe: ["danger", "warning", 0],
  held: ["hold", "hand", 1],
  faulted: ["danger", "warning", 1],
  failed: ["hold", "cross", 2],
  interrupted: ["hold", "gap", 2],
  offline: ["quiet", "gap", 2],
  stopped: ["hold", "square", 3],
  paused: ["pause", "bars", 3],
  pausing: ["pause", "bars", 3],
  opening: ["pause", "half", 4],
  "last step": ["run", "last", 5],
  skipping: ["run", "skip", 5],
  running: ["run", "play", 6],
  connecting: ["pause", "half", 6],
  finished: ["done", "check", 7],
  ended: ["done", "square", 7],
  idle: ["quiet", "ring", 8],
  waiting: ["quiet", "ring", 8],
};

/** What a state looks like; a word that is not known is shown as it is. */
export function look(state) {
  const [tone, shape, rank] = STATES[state] ?? ["quiet", "ring", 8];
  return { tone, shape, rank };
}

/** The shape of a state, to be put beside its word. */
export function shape(state) {
  return draw("svg", { class: "shape", viewBox: "0 0 16 16", "aria-hidden": "true" },
    draw("path", { d: SHAPES[look(state).shape], "fill-rule": "evenodd" }));
}

/** Change the shape that stands there into that of another state. */
export function reshape(svg, state) {
  svg.firstChild.setAttribute("d", SHAPES[look(state).shape]);
}
