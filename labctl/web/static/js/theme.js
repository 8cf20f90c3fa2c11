// The switch between dark, light and what the computer prefers; charts are told, since a canvas has no style sheet.

const NEXT = { auto: "light", light: "dark", dark: "auto" };
const WORDS = { auto: "Theme: auto", light: "Theme: light", dark: "Theme: dark" };

const preferred = matchMedia("(prefers-color-scheme: dark)");

/** Told with a `theme` event whenever colours change. */
export const theme = new EventTarget();

/** Whether the ground is dark. */
export function isDark() {
  return (document.documentElement.dataset.theme ?? (preferred.matches ? "dark" : "light")) === "dark";
}

/** Make a button the switch. */
export function switchWith(button) {
  let chosen = document.documentElement.dataset.theme ?? "auto";
  const show = () => {
    if (chosen === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
    button.textContent = WORDS[chosen];
    theme.dispatchEvent(new Event("theme"));
  };
  button.addEventListener("click", () => {
    chosen = NEXT[chosen];
    if (chosen === "auto") localStorage.removeItem("labctl-theme");
    else localStorage.setItem("labctl-theme", chosen);
    show();
  });
  preferred.addEventListener("change", () => theme.dispatchEvent(new Event("theme")));
  show();
}
