// Says for a few seconds what was done.

import { make } from "./dom.js";

const SHOWN_ms = 7000;

/** Show a sentence; a reader of the screen is told it too. */
export function note(sentence) {
  document.querySelector(".note")?.remove();
  const element = make("p", { class: "note", role: "status" });
  document.body.append(element);
  element.textContent = sentence;
  setTimeout(() => element.remove(), SHOWN_ms);
}
