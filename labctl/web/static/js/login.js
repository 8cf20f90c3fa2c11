// Asks for the token where the server wants one.

import { giveToken } from "./api.js";
import { make } from "./dom.js";

/** The session once this viewer may look; until then a dialog asks for the token. */
export async function login(read) {
  try {
    const session = await read();
    if (session.may.look) return session;
  } catch (refusal) {
    if (refusal.kind !== "token-wanted") throw refusal;
  }
  return askToken("This dashboard is shown to whoever has its token. labctl serve has written where it is.", { must: true });
}

/** Ask for the token; the session that it gives, or null if the person would rather not. */
export function askToken(why, { must = false } = {}) {
  return new Promise((done) => {
    const input = make("input", { type: "password", name: "token", autocomplete: "current-password", required: true });
    const wrong = make("p", { class: "refused", role: "alert", hidden: true });
    const dialog = make("dialog", { "aria-labelledby": "token-title" },
      make("form", { onsubmit: give },
        make("h2", { id: "token-title" }, "Token"),
        make("p", {}, why),
        make("label", {}, "Token", input),
        wrong,
        make("div", { class: "choices" },
          !must && make("button", { type: "button", onclick: () => end(null) }, "Cancel"),
          make("button", { class: "main" }, "Go on"))));

    async function give(submitted) {
      submitted.preventDefault();
      try {
        end(await giveToken(input.value));
      } catch (refusal) {
        wrong.textContent = refusal.message;
        wrong.hidden = false;
        input.select();
      }
    }
    function end(session) {
      dialog.close();
      dialog.remove();
      done(session);
    }
    dialog.addEventListener("cancel", (asked) => {
      asked.preventDefault();
      if (!must) end(null);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
