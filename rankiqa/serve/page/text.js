// The page's words: one JSON file per language, and numbers as that language writes them.

const TAGS = { en: "en", zh: "zh-CN" };
let words = {};
let current = "en";

export const languageTag = () => TAGS[current];

/** The remembered language, else the first of the browser's that the page knows. */
export function usual() {
  const asked = [localStorage.getItem("language"), ...navigator.languages];
  return asked.map((tag) => tag?.slice(0, 2).toLowerCase()).find((tag) => tag in TAGS) ?? "en";
}

export async function choose(language) {
  const answer = await fetch(`page/${language}.json`);
  words = await answer.json();
  current = language;
  document.documentElement.lang = TAGS[language];
  document.title = `RankIQA · ${words.title}`;
  tell(document);
}

/** The words of a key, {name} replaced by values.name. */
export function say(key, values = {}) {
  const text = words[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** Fill in all elements below `root` that name their words: data-text is content, data-label aria-label. */
export function tell(root) {
  for (const element of root.querySelectorAll("[data-text]")) {
    element.textContent = say(element.dataset.text);
  }
  for (const element of root.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", say(element.dataset.label));
    if (element.tagName === "BUTTON") element.title = say(element.dataset.label);
  }
}

export function number(value, digits = 0) {
  const form = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return new Intl.NumberFormat(languageTag(), form).format(value);
}

export const score = (value) => number(value, 2);
export const integer = (value) => number(value);

/** A share of a hundred, never 0 or 100 for what is only close to it. */
export function percentage(value) {
  if (value < 1) return `<${integer(1)}`;
  return value > 99 ? `>${integer(99)}` : integer(value);
}

export function duration(seconds) {
  if (seconds < 90) return say("seconds", { count: integer(Math.max(1, seconds)) });
  return say("minutes", { count: integer(seconds / 60) });
}
