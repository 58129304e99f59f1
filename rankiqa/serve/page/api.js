// The only module that talks to the server: what it says of itself, scores, maps; its key and its refusals.
// The page without a server (rankiqa export_web) has another in its place, of the same functions.

import { pause } from "./dom.js";
import { Refusal, ends, server } from "./server.js";

export { Refusal, ends, server };
export const AT_ONCE = 2; // requests
const MOST_WAITS = 60; // of one request that hears 429
const LONGEST_WAIT = 8; // seconds

let key = sessionStorage.getItem("key") ?? "";
let askForKey = async () => null;

/** Read what scores and what a request may hold. `ask` gives the visitor's key, or null. */
export async function start(ask) {
  askForKey = ask;
  server.model = await request("v1/model");
  server.limits = await request("v1/limits");
}

/** A row for each file, in their order. `waits` hears of every wait for a busy server. */
export async function scores(files, { signal, waits } = {}) {
  const form = new FormData();
  for (const file of files) form.append("files", file, file.name);
  try {
    return (await request("v1/score", { body: form, signal, waits })).results;
  } catch (error) {
    if (error instanceof Refusal && error.rows?.length === files.length) return error.rows;
    throw error;
  }
}

export function qualityMap(file, { signal } = {}) {
  const form = new FormData();
  form.append("file", file, file.name);
  return request("v1/map", { body: form, signal });
}

async function request(path, { body, signal, waits } = {}) {
  for (let waited = 0; ; waited += 1) {
    const sent = key;
    const answer = await send(path, body, signal);
    if (answer.status === 401 && (key !== sent || (await newKey()))) continue;
    if (answer.status === 429 && waited < MOST_WAITS) {
      waits?.(true);
      const asked = Number(answer.headers.get("Retry-After")) || 1;
      await pause(Math.min(Math.max(asked, 1) * 1.3 ** waited, Math.max(asked, LONGEST_WAIT)), signal);
      continue;
    }
    waits?.(false);
    const said = await answer.json().catch(() => ({}));
    if (answer.ok) return said;
    throw new Refusal(answer.status, said.detail ?? answer.statusText, said.results);
  }
}

async function send(path, body, signal) {
  const headers = key ? { "X-API-Key": key } : {};
  try {
    return await fetch(path, { method: body ? "POST" : "GET", body, headers, signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refusal(0, String(error));
  }
}

async function newKey() {
  const given = await askForKey(key !== "");
  if (given === null) return false;
  key = given;
  sessionStorage.setItem("key", key);
  return true;
}
