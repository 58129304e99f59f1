// Files to pixels by the browser's own decoders: upright by EXIF, in sRGB, on white, read strip by strip.

import { whyNotImage, whyUndecoded } from "./content.js";
import { smallCopy } from "./images.js";

const MOST = 100e6; // pixels; the browser holds 4 bytes of each

/** A source for `cropsOf`, to be closed after use; a string where the file holds no image that can be judged. */
export async function open(file) {
  let buffer;
  try {
    buffer = await file.arrayBuffer();
  } catch {
    return "unreadable"; // changed or gone since it was chosen
  }
  const why = whyNotImage(buffer, MOST);
  if (why) return why;
  let image;
  try {
    image = await createImageBitmap(new Blob([buffer], { type: file.type }));
  } catch {
    return whyUndecoded(buffer);
  }
  if (image.width * image.height <= MOST) return new Source(image);
  image.close();
  return `${image.width} x ${image.height} pixels, at most ${MOST} are taken`;
}

class Source {
  constructor(image) {
    Object.assign(this, { image, width: image.width, height: image.height });
    this.canvas = new OffscreenCanvas(1, 1);
    // Kept in main memory: a graphics card would give back what it has rounded, and slowly.
    this.context = this.canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
  }

  rows(top, count) {
    const { canvas, context, image, width } = this;
    if (canvas.width !== width || canvas.height < count) Object.assign(canvas, { width, height: count });
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, count);
    context.drawImage(image, 0, -top);
    return context.getImageData(0, 0, width, count).data;
  }

  thumbnail(side) {
    return smallCopy(this.image, side);
  }

  close() {
    this.image.close();
    Object.assign(this.canvas, { width: 0, height: 0 });
  }
}
