// Elements, without a string of HTML anywhere: names of files can hold anything.

/** An element: attributes and on... listeners by name, then children, of which null is left out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

export const byId = (id) => document.getElementById(id);

/** What a screen reader says next, when it is free. */
export function announce(text) {
  const place = byId("polite");
  place.textContent = "";
  setTimeout(() => { place.textContent = text; }, 50);
}

export const problem = (text) => h("div", { class: "problem", role: "alert" }, text);
export const busy = (text) =>
  h("div", { class: "busy" }, h("span", { class: "spinner", "aria-hidden": "true" }), text);

export function button(text, onclick, kind = "plain", more = {}) {
  return h("button", { type: "button", class: kind, onclick, ...more }, text);
}

/** Wait, unless the signal ends it. */
export function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => { clearTimeout(timer); reject(signal.reason); };
    const timer = setTimeout(() => { signal?.removeEventListener("abort", stop); resolve(); }, 1000 * seconds);
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** Let the button "theme" change between light and dark; what tells its state anew. */
export function themeButton() {
  const root = document.documentElement;
  const tellState = () => byId("theme").setAttribute("aria-pressed", String(root.dataset.theme === "dark"));
  byId("theme").addEventListener("click", () => {
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
    tellState();
  });
  tellState();
  return tellState;
}
