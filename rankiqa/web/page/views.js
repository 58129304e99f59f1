// How an image becomes the crops of the network: rankiqa/views.py, for whole images as for parts.
// A source is {width, height, rows(top, count)}, whose rows are RGBA, whole, on white.

import { Resize } from "./resample.js";

const STEP = 32; // pixels; sides of "whole" are multiples of it
const ELONGATED = 16; // times the short side: of a longer image "whole" takes the middle
const CUT = 256; // pixels; a side of that or more is cut to the multiple of STEP below
const STRIP = 2 ** 21;

/** The crops of an image, read `strip` pixels at a time: {pixels: uint8 (P, 3, H, W), count: P, height, width}. */
export function cropsOf(source, { view, image_size: size, patches }, strip = STRIP) {
  if (view === "patches") return patchesOf(source, size, patches);
  const found = view === "fit" ? resized(source, size, strip) : whole(source, size[0] * size[1], strip);
  return { pixels: found.planes, count: 1, height: found.size[0], width: found.size[1] };
}

/** Python's round: halves to the even neighbour. */
export function round(value) {
  const below = Math.floor(value);
  const rest = value - below;
  return rest < 0.5 || (rest === 0.5 && below % 2 === 0) ? below : below + 1;
}

/** {size: [height, width], scaled} of an image in the view "whole"; see `whole_size` in rankiqa/views.py. */
export function wholeSize(width, height, area) {
  let sides = [Math.max(STEP, height), Math.max(STEP, width)];
  sides = sides.map((side, place) => Math.min(side, ELONGATED * sides[1 - place]));
  const below = sides.map((side) => Math.floor(side / STEP) * STEP);
  const fitting = sides.map((side, place) => (side >= CUT ? below[place] : nearest(side)));
  for (const size of [fitting, below]) if (size[0] * size[1] <= area) return { size, scaled: false };
  const scale = Math.sqrt(area / (sides[0] * sides[1]));
  return { size: sides.map((side, place) => Math.min(below[place], nearest(scale * side))), scaled: true };
}

const nearest = (side) => Math.max(STEP, round(side / STEP) * STEP);

function whole(source, area, strip) {
  const { size, scaled } = wholeSize(source.width, source.height, area);
  if (scaled) return resized(atLeast(source, [STEP, STEP]), size, strip);
  const large = atLeast(source, size);
  const places = [large.height - size[0], large.width - size[1]].map((spare) => Math.floor(spare / 2));
  return { size, planes: cut(large, places, size) };
}

/** The middle of an image in the aspect ratio of `size`, resized. */
function resized(source, size, strip) {
  const [height, width] = size;
  const scale = Math.min(source.width / width, source.height / height);
  const wide = Math.min(width * scale, source.width);
  const tall = Math.min(height * scale, source.height);
  const [left, top] = [(source.width - wide) / 2, (source.height - tall) / 2];
  const resize = new Resize([source.width, source.height], [left, top, left + wide, top + tall], [width, height]);
  const some = Math.max(1, Math.floor(strip / source.width));
  for (let row = resize.first; row < resize.end; row += some) {
    const count = Math.min(some, resize.end - row);
    resize.put(source.rows(row, count), row, count);
  }
  return { size, planes: resize.planes() };
}

function patchesOf(source, [height, width], count) {
  const large = atLeast(source, [height, width]);
  const pixels = new Uint8Array(count * 3 * height * width);
  patchGrid(count).forEach(([down, right], number) => {
    const places = [round(down * (large.height - height)), round(right * (large.width - width))];
    pixels.set(cut(large, places, [height, width]), number * 3 * height * width);
  });
  return { pixels, count, height, width };
}

/** `count` places, as (down, right) shares; see `patch_grid` in rankiqa/views.py. */
export function patchGrid(count) {
  const rows = Math.ceil(Math.sqrt(count));
  let extra = count % rows;
  const perRow = Array(rows).fill(Math.floor(count / rows));
  const far = (row) => Math.abs(2 * row - rows + 1);
  const outerFirst = [...perRow.keys()].sort((one, other) => far(other) - far(one) || one - other);
  if (extra % 2 && rows % 2) {
    perRow[Math.floor(rows / 2)] += 1;
    extra -= 1;
  }
  for (const row of outerFirst.slice(0, extra)) perRow[row] += 1;
  const spread = (place, all) => (all === 1 ? 0.5 : place / (all - 1));
  return perRow.flatMap((columns, row) =>
    Array.from({ length: columns }, (_, column) => [spread(row, rows), spread(column, columns)]));
}

/** Planes of the rectangle of `size` at [top, left]. */
export function cut(source, [top, left], [height, width]) {
  const rows = source.rows(top, height);
  const planes = new Uint8Array(3 * height * width);
  let out = 0;
  for (let channel = 0; channel < 3; channel += 1) {
    for (let row = 0; row < height; row += 1) {
      let at = 4 * (row * source.width + left) + channel;
      for (let column = 0; column < width; column += 1, at += 4) planes[out++] = rows[at];
    }
  }
  return planes;
}

/** The source, mirrored at its edges where it is smaller than [height, width]. */
export function atLeast(source, [height, width], centred = true) {
  if (source.height >= height && source.width >= width) return source;
  const [tall, wide] = [Math.max(height, source.height), Math.max(width, source.width)];
  const before = (missing) => (centred ? Math.floor(missing / 2) : 0);
  const [top, left] = [before(tall - source.height), before(wide - source.width)];
  const all = new Uint32Array(source.rows(0, source.height).slice().buffer); // a number for each pixel
  const columns = Int32Array.from({ length: wide }, (_, column) => mirrored(column - left, source.width));
  const rows = (first, count) => {
    const pixels = new Uint32Array(count * wide);
    for (let row = 0; row < count; row += 1) {
      const from = mirrored(first + row - top, source.height) * source.width;
      for (let column = 0; column < wide; column += 1) pixels[row * wide + column] = all[from + columns[column]];
    }
    return new Uint8Array(pixels.buffer);
  };
  return { width: wide, height: tall, rows };
}

function mirrored(place, length) {
  const inside = ((place % (2 * length)) + 2 * length) % (2 * length);
  return inside < length ? inside : 2 * length - 1 - inside;
}
