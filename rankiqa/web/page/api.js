// In place of the module that talks to a server: the same functions, answered on this device.

import { h, byId } from "./dom.js";
import { AT_ONCE, Pool } from "./pool.js";
import { Refusal, ends, server } from "./server.js";
import { number, say } from "./text.js";

export { AT_ONCE, Refusal, ends, server };
const FILE_BYTES = 2 ** 30;
const MEGA = 1e6;
let loading = null; // of the pool

/** Read what scores, and begin to load it. */
export async function start() {
  const answer = await fetch("model/model.json", { cache: "no-cache" });
  if (!answer.ok) throw new Refusal(answer.status, answer.statusText);
  const { spec, files } = await answer.json();
  server.model = spec;
  server.limits = { files: 1, file_bytes: FILE_BYTES };
  loading = load(spec, files);
  loading.catch(() => { line().textContent = say("error.start"); });
}

/** A row for each file, in their order. */
export async function scores(files, { signal } = {}) {
  const pool = await loaded(signal);
  return Promise.all(files.map(async (file) => (await pool.run({ kind: "score", file }, signal)).row));
}

export async function qualityMap(file, { signal } = {}) {
  const pool = await loaded(signal);
  return (await pool.run({ kind: "map", file, ends: ends() }, signal)).map;
}

function loaded(signal) {
  return new Promise((resolve, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    loading.then(resolve, () => reject(new Refusal(0, "the model is not loaded")));
  });
}

/** The pool, when its first worker is ready; the page says how far it is. */
async function load(about, files) {
  const got = Object.fromEntries(Object.keys(files).map((path) => [path, 0]));
  const all = Object.values(files).reduce((sum, { bytes }) => sum + bytes, 0);
  const tell = (path) => (bytes) => {
    got[path] = bytes;
    const done = Object.values(got).reduce((one, other) => one + other);
    line().textContent = say("load.progress", { done: number(done / MEGA, 1), all: number(all / MEGA, 1) });
  };
  const stop = new AbortController();
  const parts = ["model/model.onnx", "ort/ort.wasm"].map((path) =>
    fetched(path, files[path].version, { tell: tell(path), signal: stop.signal }));
  const [model, wasm] = await Promise.all(parts).catch((error) => {
    stop.abort();
    throw error;
  });
  line().textContent = say("load.starting");
  const glue = new URL("ort/glue.js", document.baseURI).href;
  const pool = new Pool({ model, wasm, glue, about });
  await pool.startOne();
  line().remove();
  pool.startOthers().then(() => { document.documentElement.dataset.model = "ready"; });
  return pool;
}

/** The bytes of a file; `version`, of its content, keeps a copy of another export out. */
async function fetched(path, version, { tell, signal }) {
  const answer = await fetch(`${path}?${version}`, { signal });
  if (!answer.ok) throw new Refusal(answer.status, answer.statusText);
  const parts = [];
  let bytes = 0;
  for (const reader = answer.body.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) return new Blob(parts).arrayBuffer();
    parts.push(value);
    bytes += value.length;
    tell(bytes);
  }
}

function line() {
  if (!byId("load")) byId("main").prepend(h("p", { id: "load", class: "small center", role: "status" }));
  return byId("load");
}
