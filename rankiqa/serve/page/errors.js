// The server's refusals, in the words of the page's language.

import { Refusal } from "./api.js";
import { integer, number, say } from "./text.js";

const MEGA = 1e6;
const MEBI = 2 ** 20;
const megabytes = (text) => number(Number(text) / MEBI, 1);
// What rankiqa/image.py, rankiqa/decoding/, rankiqa/serve/service.py and rankiqa/web/page/ say of an image.
const OF_IMAGES = [
  [/^an empty file/, "error.empty"],
  [/^damaged image/, "error.damaged"],
  [/^(\d+) x (\d+) pixels, at most (\d+) are taken/, "error.pixels",
    (width, height, most) => [integer(width), integer(height), number(most / MEGA, most % MEGA ? 1 : 0)]],
  [/^(\d+) bytes, at most (\d+) are taken/, "error.bytes", (size, most) => [megabytes(size), megabytes(most)]],
  [/^too many pixels/, "error.untrue"],
  [/^unreadable$/, "error.unreadable"],
  [/^not read by this browser: (.+)/, "error.browser", (kind) => [kind]],
  [/needs one more package/, "error.package"],
  [/^not an image in any format/, "error.kind"],
];
const OF_REQUESTS = {
  0: "error.gone", 401: "error.key", 408: "error.late", 413: "error.large",
  429: "error.busy", 500: "error.server", 503: "error.busy",
};

/** Why an image has no score: the `error` of its row. */
export function whyNot(text) {
  for (const [pattern, key, values = () => []] of OF_IMAGES) {
    const found = pattern.exec(text);
    if (found) {
      const parts = values(...found.slice(1));
      return say(key, Object.fromEntries(parts.map((part, place) => [place + 1, part])));
    }
  }
  return text in OF_STATUS ? say(OF_STATUS[text]) : say("error.other", { text });
}

/** What a row says in place of the server that refused the whole request. */
export function errorOf(refusal) {
  if (!(refusal instanceof Refusal)) throw refusal;
  return refusal.status in OF_REQUESTS ? `status ${refusal.status}` : refusal.message;
}

const OF_STATUS = Object.fromEntries(
  Object.entries(OF_REQUESTS).map(([status, key]) => [`status ${status}`, key]),
);

/** The same text that the server has for a file above its limit, so that nobody uploads it for that. */
export function tooLarge(file, limits) {
  if (file.size <= limits.file_bytes) return null;
  return `${file.size} bytes, at most ${limits.file_bytes} are taken`;
}
