// Ways in: drop, paste, choose files or a folder. A picked item is {file, path}.

import { button, h } from "./dom.js";
import { hasImageSuffix } from "./images.js";
import { tell } from "./text.js";

const ACCEPTED = "image/*,.tif,.tiff,.jp2,.j2k,.heic,.heif,.avif,.ppm,.pgm,.pbm";

/** A place to drop images on. `onfiles(items, skipped)` hears of what comes; skipped counts a folder's others. */
export function picker({ title, hint = "drop.or", many = false, onfiles }) {
  const files = h("input", { type: "file", accept: ACCEPTED, multiple: many, hidden: true });
  const folder = h("input", { type: "file", webkitdirectory: true, hidden: true });
  const chosen = (input) => () => {
    onfiles(...ofList(input.files));
    input.value = ""; // the same file can be chosen again
  };
  files.addEventListener("change", chosen(files));
  folder.addEventListener("change", chosen(folder));
  const choose = button("", () => files.click(), "main", { "data-text": many ? "choose.many" : "choose" });
  const withFolder = many && "webkitdirectory" in folder
    ? button("", () => folder.click(), "plain", { "data-text": "choose.folder" }) : null;
  const zone = h("div", { class: "drop", role: "group", "data-label": title },
    h("p", { class: "drop-title", "data-text": title }),
    h("p", { class: "small", "data-text": hint }),
    h("div", { class: "actions" }, choose, withFolder), files, many ? folder : null);
  accept(zone, onfiles);
  tell(zone.parentElement ?? wrapped(zone));
  return zone;
}

/** Let an element take what is dropped on it. */
export function accept(element, onfiles) {
  const over = (on) => (event) => {
    event.preventDefault();
    element.classList.toggle("over", on);
  };
  element.addEventListener("dragover", over(true));
  element.addEventListener("dragleave", over(false));
  element.addEventListener("drop", async (event) => {
    over(false)(event);
    event.stopPropagation();
    onfiles(...(await ofTransfer(event.dataTransfer)));
  });
}

/** What is dropped anywhere else, or pasted, goes to `take` of the tab in front. */
export function acceptEverywhere(take) {
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", async (event) => {
    event.preventDefault();
    take(...(await ofTransfer(event.dataTransfer)));
  });
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    take(files.map((file) => ({ file, path: file.name })), 0);
  });
}

function wrapped(zone) {
  const holder = document.createDocumentFragment();
  holder.append(zone);
  return holder;
}

/** [items, skipped] of an <input>; in a folder only what is called like an image counts. */
function ofList(list) {
  const items = [...list].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
  return withoutOthers(items);
}

/** The same of what was dropped. Entries must be asked for before the first await: then they are gone. */
async function ofTransfer(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return ofList(transfer.files);
  const items = [];
  for (const entry of entries) await walk(entry, "", items);
  return withoutOthers(items);
}

async function walk(entry, folder, items) {
  const path = folder + entry.name;
  if (entry.isFile) {
    const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
    if (file) items.push({ file, path });
    return;
  }
  const reader = entry.createReader();
  for (;;) { // it gives at most 100 entries at a time
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!some.length) return;
    some.sort((first, second) => first.name.localeCompare(second.name));
    for (const inner of some) await walk(inner, `${path}/`, items);
  }
}

function withoutOthers(items) {
  const kept = items.filter(({ path }) =>
    !path.includes("/") || (hasImageSuffix(path) && !/(^|\/)\./.test(path)));
  return [kept, items.length - kept.length];
}
