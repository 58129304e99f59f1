// The rows and cards of many images, and their order. An item is {path, file, order, row, thumb}.

import { gradeInWords, grade, interval, reasonsOf } from "./card.js";
import { button, h } from "./dom.js";
import { whyNot } from "./errors.js";
import { kindOf } from "./images.js";
import { integer, languageTag, percentage, say, score } from "./text.js";

const pixels = ({ row }) => (row?.width ? row.width * row.height : null);
const VALUES = {
  score: (item) => item.row?.score ?? null,
  percentile: (item) => item.row?.percentile ?? null,
  interval: (item) => (item.row && interval(item.row) ? item.row.high - item.row.low : null),
  pixels,
  order: (item) => item.order,
};
export const ORDERS = ["score_down", "score_up", "path_up", "pixels_down", "order_up"];
export const FIRST_DOWN = new Set(["score", "percentile", "pixels"]); // what is looked for at the top

/** Items in an order such as "score_down"; what has no value comes last either way. */
export function sorted(items, order) {
  const [key, direction] = order.split("_");
  const sign = direction === "up" ? 1 : -1;
  const names = new Intl.Collator(languageTag(), { numeric: true });
  const byName = (first, second) => names.compare(first.path, second.path);
  if (key === "path") return items.toSorted((first, second) => sign * byName(first, second));
  const value = VALUES[key];
  return items.toSorted((first, second) => {
    const [one, other] = [value(first), value(second)];
    if (one === null || other === null) return (one === null) - (other === null) || first.order - second.order;
    return sign * (one - other) || first.order - second.order;
  });
}

/** The columns that the answers hold: [name, whether it sorts, cell of an item]. */
export function columnsFor(items, onopen) {
  const some = (test) => items.some((item) => item.row && !item.row.error && test(item.row));
  return [
    ["thumbnail", false, picture],
    ["path", true, (item) => nameOf(item, onopen)],
    ["score", true, scoreCell],
    some((row) => Number.isFinite(row.percentile)) &&
      ["percentile", true, ({ row }) => (Number.isFinite(row?.percentile) ? `${percentage(row.percentile)}%` : "")],
    some(interval) && ["interval", true, ({ row }) => bandOf(row)],
    some(reasonsOf) && ["reasons", false, ({ row }) => (row && reasonsOf(row)?.join(", ")) || ""],
    ["pixels", true, (item) => (item.row?.width ? `${integer(item.row.width)} × ${integer(item.row.height)}` : "")],
  ].filter(Boolean);
}

export function tableRow(item, columns) {
  return h("tr", { class: item.row?.error ? "bad" : null },
    ...columns.map(([name, , cell]) => h(name === "path" ? "th" : "td",
      { class: `of-${name}`, scope: name === "path" ? "row" : null }, cell(item))));
}

export function gridCard(item, onopen) {
  const { row } = item;
  const words = row && !row.error ? h("span", { class: `grade grade-${grade(row.score) ?? "none"}` }, gradeInWords(row.score)) : null;
  const head = row && !row.error ? h("div", { class: "grid-head" }, words, h("b", {}, score(row.score))) : null;
  return h("li", { class: row?.error ? "card tile bad" : "card tile" }, picture(item), head, nameOf(item, onopen));
}

function picture({ thumb, path }) {
  if (thumb) return h("img", { class: "thumb", src: thumb, alt: "", loading: "lazy" });
  return h("span", { class: "thumb none", "aria-hidden": "true" }, thumb === null ? kindOf(path).slice(0, 4) : "");
}

function nameOf(item, onopen) {
  const { row, path } = item;
  if (row?.error) return [h("span", { class: "name" }, path), h("span", { class: "wrong" }, whyNot(row.error))];
  if (!row) return h("span", { class: "name" }, path);
  return button(path, () => onopen(item), "name link", { title: say("open", { name: path }) });
}

function scoreCell({ row }) {
  if (!row) return h("span", { class: "small" }, "…");
  if (row.error) return "–";
  return [h("b", {}, score(row.score)), " ",
    h("span", { class: `grade grade-${grade(row.score) ?? "none"}` }, gradeInWords(row.score))];
}

function bandOf(row) {
  const band = row && interval(row);
  return band ? `${score(band[0])} – ${score(band[1])}` : "";
}
