// What the browser shows of images: thumbnails one after the other, so that no folder fills its memory.

import { h } from "./dom.js";
import { say } from "./text.js";

const KINDS = new Set(
  ("jpg jpeg jpe jfif png webp tif tiff bmp dib gif jp2 j2k jpx avif ppm pgm pbm pnm mpo heic heif").split(" "),
);
export const THUMBNAIL = 320; // pixels of the longer side
let last = Promise.resolve();

export const kindOf = (name) => name.slice(name.lastIndexOf(".") + 1).toLowerCase();
export const hasImageSuffix = (name) => KINDS.has(kindOf(name));

/** A blob: URL of a small copy, or null where this browser can't decode the file. */
export function thumbnail(file, signal) {
  const next = last.then(async () => {
    if (signal?.aborted) return null;
    let image;
    try {
      image = await createImageBitmap(file);
    } catch {
      return null;
    }
    const small = await smallCopy(image, THUMBNAIL);
    image.close();
    return URL.createObjectURL(small);
  });
  last = next.catch(() => null);
  return last;
}

/** A WebP of a decoded image, `side` pixels long at most. */
export function smallCopy(image, side) {
  const share = Math.min(1, side / Math.max(image.width, image.height));
  const canvas = new OffscreenCanvas(
    Math.max(1, Math.round(image.width * share)), Math.max(1, Math.round(image.height * share)),
  );
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/webp", quality: 0.8 });
}

/** An <img> of a file at full size, or words in its place; `revoke` frees it. */
export async function fullImage(file, name, size) {
  const url = URL.createObjectURL(file);
  const image = h("img", { src: url, alt: name, draggable: "false" });
  try {
    await image.decode();
    return { element: image, size: [image.naturalWidth, image.naturalHeight], revoke: () => URL.revokeObjectURL(url) };
  } catch {
    URL.revokeObjectURL(url);
    const words = say("no_preview", { kind: kindOf(name).toUpperCase() });
    const element = h("div", { class: "no-preview", role: "img", "aria-label": `${name}. ${words}` }, words);
    element.style.aspectRatio = size ? `${size[0]} / ${size[1]}` : "3 / 2";
    return { element, size: size ?? [600, 400], revoke: () => {} };
  }
}
