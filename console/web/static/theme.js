/* Light, dark, or as the system: kept in a cookie, so that the server draws the page in the right
   colours from the first byte. */

const YEAR = 365 * 24 * 3600;

/** Choose "light", "dark" or "system", now and for later visits. */
export function choose(theme) {
  const root = document.documentElement;
  if (theme === "system") {
    delete root.dataset.theme;
    document.cookie = "theme=; Path=/; Max-Age=0; SameSite=Lax";
  } else {
    root.dataset.theme = theme;
    document.cookie = `theme=${theme}; Path=/; Max-Age=${YEAR}; SameSite=Lax`;
  }
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === theme));
  }
  changed();
}

/** The present value of a colour token such as "--accent", as rgb(...), for what draws itself. */
export function color(token) {
  const probe = document.createElement("span");
  probe.style.color = `var(${token})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

/** Call `redraw` whenever the colours change. */
export function onThemeChange(redraw) {
  document.addEventListener("themechange", redraw);
}

function changed() {
  document.dispatchEvent(new CustomEvent("themechange"));
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
