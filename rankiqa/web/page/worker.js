// Decodes and scores, away from the page, which stays live. Of two images the second is decoded while the
// first is computed.

import * as ort from "../ort/ort.js";
import { rowOf, scoreOf } from "./answers.js";
import { THUMBNAIL } from "./images.js";
import { mapOf } from "./maps.js";
import { open } from "./pixels.js";
import { cropsOf } from "./views.js";

const OUTPUTS = ["logits", "reasons", "severities"];
const DROPPED = { error: 499, detail: "nobody waits for it" };
let session = null;
let spec = null;
let last = Promise.resolve();
const dropped = new Set(); // numbers of jobs that nobody waits for any more

addEventListener("message", ({ data }) => {
  if (data.model) {
    last = start(data);
  } else if (data.drop !== undefined) {
    dropped.add(data.drop);
  } else {
    const opened = open(data.file).catch(failed);
    last = last.then(async () => {
      await pause(); // for the messages that wait: the next image's decoding begins by one
      postMessage({ id: data.id, ...(await answer(data, await opened)) });
      dropped.delete(data.id);
    });
  }
});

async function start({ model, wasm, glue, threads, about }) {
  try {
    spec = about;
    Object.assign(ort.env.wasm, { numThreads: threads, wasmBinary: wasm, wasmPaths: { mjs: glue } });
    session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"], logSeverityLevel: 3 });
    postMessage({ ready: true });
  } catch (error) {
    postMessage({ failed: String(error) });
  }
}

const failed = (error) => ({ error: 500, detail: String(error) });

/** {row}, {map}, or {error: status of a refusal, detail}. */
async function answer({ id, kind, ends }, source) {
  if (source.error) return source;
  if (typeof source === "string") return kind === "map" ? { error: 422, detail: source } : { row: { error: source } };
  try {
    if (dropped.has(id)) return DROPPED;
    if (kind === "map") return { map: await mapOf(source, spec, ends, (...crop) => judge(id, ...crop)) };
    return { row: { ...(await score(source)), width: source.width, height: source.height, thumb: await source.thumbnail(THUMBNAIL) } };
  } catch (error) {
    return error === DROPPED ? DROPPED : failed(error);
  } finally {
    source.close();
  }
}

async function score(source) {
  const { pixels, count, height, width } = cropsOf(source, spec);
  const outputs = [];
  for (let crop = 0; crop < count; crop += 1) {
    outputs.push(await forward(pixels.subarray(crop * 3 * height * width, (crop + 1) * 3 * height * width), height, width));
  }
  return rowOf(outputs, spec);
}

/** The score of a crop, for a map; between two of them the worker hears whether anybody still waits. */
async function judge(id, planes, height, width) {
  await pause();
  if (dropped.has(id)) throw DROPPED;
  return scoreOf(await forward(planes, height, width));
}

/** The outputs of one crop, uint8 (3, H, W). */
async function forward(planes, height, width) {
  const images = new ort.Tensor("float32", Float32Array.from(planes, (value) => value / 255), [1, 3, height, width]);
  const found = await session.run({ images }, OUTPUTS.filter((name) => session.outputNames.includes(name)));
  const rows = Object.fromEntries(Object.entries(found).map(([name, tensor]) => [name, tensor.data.slice()]));
  for (const tensor of [images, ...Object.values(found)]) tensor.dispose();
  return rows;
}

const pause = () => new Promise((resolve) => { setTimeout(resolve); });
