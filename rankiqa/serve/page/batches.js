// Many images in requests that the server's limits allow: a few images each, AT_ONCE of them at a time.

import { AT_ONCE, Refusal, scores, server } from "./api.js";
import { errorOf, tooLarge } from "./errors.js";

const FILES = 8;
const BYTES = 8 * 2 ** 20;
const SPLIT = [408, 413, 422, 503]; // too much at once, maybe: halves may be taken

/** Score files; `tell(place, row)` hears of each one, `waits(true)` of a busy server. Ends with `signal`. */
export async function scoreAll(files, { signal, tell, waits }) {
  const queue = batches(files, tell);
  const worker = async () => {
    while (queue.length && !signal.aborted) await scoreBatch(queue.shift());
  };

  async function scoreBatch(batch) {
    try {
      const rows = await scores(batch.map((item) => item.file), { signal, waits });
      batch.forEach((item, number) => tell(item.place, rows[number]));
    } catch (error) {
      if (signal.aborted) return;
      await refused(batch, error);
    }
  }

  async function refused(batch, error) {
    // A file that has changed or gone since it was chosen fails the request as a lost server does.
    const lost = error instanceof Refusal && error.status === 0 ? await unreadable(batch) : new Set();
    for (const item of lost) tell(item.place, { error: "unreadable" });
    const rest = batch.filter((item) => !lost.has(item));
    if (lost.size && rest.length) {
      await scoreBatch(rest);
    } else if (rest.length > 1 && SPLIT.includes(error.status)) {
      const half = Math.ceil(rest.length / 2);
      await scoreBatch(rest.slice(0, half));
      if (!signal.aborted) await scoreBatch(rest.slice(half));
    } else {
      for (const item of rest) tell(item.place, { error: errorOf(error) });
    }
  }

  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** The row of one file. */
export async function scoreOne(file, signal) {
  let row = null;
  await scoreAll([file], { signal, tell: (_, told) => { row = told; }, waits: () => {} });
  signal.throwIfAborted();
  return row;
}

function batches(files, tell) {
  const { limits } = server;
  const most = Math.min(FILES, limits.files);
  const found = [];
  let bytes = 0;
  files.forEach((file, place) => {
    const error = tooLarge(file, limits);
    if (error) {
      tell(place, { error });
      return;
    }
    const last = found.at(-1);
    if (last && last.length < most && bytes + file.size <= BYTES) {
      last.push({ file, place });
      bytes += file.size;
    } else {
      found.push([{ file, place }]);
      bytes = file.size;
    }
  });
  return found;
}

async function unreadable(batch) {
  const lost = new Set();
  for (const item of batch) {
    try {
      await item.file.slice(0, 1).arrayBuffer();
    } catch {
      lost.add(item);
    }
  }
  return lost;
}
