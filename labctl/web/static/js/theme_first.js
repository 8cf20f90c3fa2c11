// Sets the theme that was chosen before anything is drawn, so that the page does not flash.
{
  const chosen = localStorage.getItem("labctl-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
}
