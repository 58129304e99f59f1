// The table as a file, with the columns of `rankiqa score --output`.

import { reasonsOf } from "./card.js";

const COLUMNS = ["path", "score", "percentile", "low", "high", "std", "reasons", "width", "height", "error"];

/** Items {path, row, why} as CSV (RFC 4180), with the mark by which spreadsheets know UTF-8. */
export function csv(items) {
  const lines = items.map((item) => COLUMNS.map((name) => quoted(cell(item, name))).join(","));
  return `\ufeff${[COLUMNS.join(","), ...lines].join("\r\n")}\r\n`;
}

export function download(text, name) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const link = document.createElement("a");
  Object.assign(link, { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

function cell({ path, row }, name) {
  if (name === "path") return path;
  if (name === "reasons") return (reasonsOf(row) ?? []).join("; ");
  return row[name] ?? "";
}

function quoted(value) {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
