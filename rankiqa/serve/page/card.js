// What is said of one image: the score in words, on its scale, and what else the answer holds.

import { ends, server } from "./api.js";
import { h } from "./dom.js";
import { integer, number, percentage, say, score } from "./text.js";

/** 1 (bad) to 5 (excellent), the five grades of ITU-R BT.500 at equal steps of the scale; null without one. */
export function grade(value) {
  const scale = ends();
  if (!scale) return null;
  return 1 + Math.round(4 * Math.min(1, Math.max(0, place(value, scale))));
}

export const gradeInWords = (value) => say(`grade.${grade(value) ?? "none"}`);

/** Where a score lies on the scale: 0 is worst, 1 best. */
export const place = (value, [low, high]) => (value - low) / ((high - low) || 1);

/** The whole card of a row. */
export function card(row) {
  return h("div", { class: "card result" },
    h("div", { class: "headline" },
      h("h2", { class: `grade grade-${grade(row.score) ?? "none"}` }, gradeInWords(row.score)),
      h("span", { class: "number" }, score(row.score))),
    scale([{ value: row.score }], interval(row)),
    h("ul", { class: "facts" }, ...facts(row).map((text) => h("li", {}, text))),
    reasons(row), shares(row));
}

/** A scale with a mark for each {value, name}; a band where an interval is known. */
export function scale(marks, band = null) {
  const range = ends();
  if (!range) return h("p", { class: "small" }, say("scale.none"));
  const [low, high] = range.map(score);
  const label = marks.map((mark) =>
    `${mark.name ? `${mark.name}: ` : ""}${say("scale.label", { score: score(mark.value), low, high })}`);
  const bar = h("div", { class: "scale", role: "img", "aria-label": label.join("; ") });
  const percent = (value) => 100 * Math.min(1, Math.max(0, place(value, range)));
  if (band) {
    const part = h("i", { class: "band" });
    part.style.left = `${percent(band[0])}%`;
    part.style.width = `${percent(band[1]) - percent(band[0])}%`;
    bar.append(part);
  }
  for (const mark of marks) {
    const pin = h("i", { class: "pin" }, mark.name ? h("b", {}, mark.name) : null);
    pin.style.left = `${percent(mark.value)}%`;
    bar.append(pin);
  }
  const seen = say(server.model.num_classes > 1 ? "scale.rated" : "scale.seen");
  return h("div", { class: marks[0]?.name ? "scale-box named" : "scale-box" }, bar,
    h("div", { class: "scale-ends small", "aria-hidden": "true" },
      h("span", {}, `${low} ${say("worst")}`), h("span", { class: "seen" }, seen),
      h("span", {}, `${high} ${say("best")}`)));
}

/** [low, high] where the answer holds them. */
export function interval(row) {
  const known = Number.isFinite(row.low) && Number.isFinite(row.high);
  return known ? [row.low, row.high] : null;
}

/** What is wrong, in words, the strongest first; null where the model can't tell. */
export function reasonsOf(row) {
  if (!Array.isArray(row.reasons)) return null;
  return row.reasons.map((reason) => {
    const family = reason.family ?? reason;
    const words = say(`reason.${family}`);
    return words === `reason.${family}` ? family.replaceAll("_", " ") : words; // of a later model
  });
}

function facts(row) {
  const found = [];
  if (Number.isFinite(row.percentile)) found.push(say("percentile", { share: percentage(row.percentile) }));
  const band = interval(row);
  if (band) {
    const share = number(100 * (server.model.coverage ?? 0.9));
    found.push(say("interval", { low: score(band[0]), high: score(band[1]), share }));
  }
  if (row.width) found.push(say("pixels", { width: integer(row.width), height: integer(row.height) }));
  return found;
}

function reasons(row) {
  const named = reasonsOf(row);
  if (!named) return null;
  const list = named.length ? h("ul", { class: "chips" }, ...named.map((text) => h("li", {}, text)))
    : h("p", { class: "small" }, say("reasons.none"));
  return h("div", { class: "reasons" }, h("h3", {}, say("reasons")), list);
}

function shares(row) {
  if (!row.distribution) return null;
  const lines = row.distribution.map((share, rating) => {
    const bar = h("i");
    bar.style.width = `${100 * share}%`;
    return h("li", {}, h("span", {}, integer(rating + 1)), h("span", { class: "bar" }, bar),
      h("span", {}, `${number(100 * share)}%`));
  });
  return h("div", {}, h("h3", {}, say("shares")), h("ul", { class: "shares" }, ...lines.reverse()));
}
