// Quality maps: rankiqa/quality_map.py and, for their form, rankiqa/serve/maps.py.

import { BOX, Resize, weightsOf } from "./resample.js";
import { atLeast, cropsOf, cut, round } from "./views.js";

const MOST_PATCHES = 400; // of an image; of larger ones the patches lie farther apart
const GRID = 8; // places of the occluding window along each side
const SMALLEST = 0.05; // of the model's scale: a smaller effect of covering is drawn pale
const MOST_CELLS = 32; // along the longer side
const MOST_PIXELS = 12e6; // of an image that is judged patch by patch

/** {values, ends, box, meaning} of a source; `judge(planes, height, width)` is the score of a crop. */
export async function mapOf(source, spec, ends, judge) {
  const found = await (spec.view === "patches" ? byPatches : byOcclusion)(source, spec, ends, judge);
  const box = spec.view === "fit" ? middle(source, spec.image_size) : [0, 0, 1, 1];
  return { ...found, values: cells(found), box };
}

/** How much the score falls when a window is painted over with the mean colour (Zeiler & Fergus 2014). */
async function byOcclusion(source, spec, ends, judge) {
  const { pixels: crop, height, width } = cropsOf(source, spec);
  const area = height * width;
  const means = [0, 1, 2].map((channel) =>
    Math.trunc(crop.subarray(channel * area, (channel + 1) * area).reduce((sum, value) => sum + value, 0) / area));
  const [tall, wide] = [height, width].map((side) => Math.max(1, Math.floor((2 * side) / GRID)));
  const whole = await judge(crop, height, width);
  const sums = new Sums(height, width);
  for (let row = 0; row < GRID; row += 1) {
    for (let column = 0; column < GRID; column += 1) {
      const top = round((row * (height - tall)) / (GRID - 1));
      const left = round((column * (width - wide)) / (GRID - 1));
      const covered = crop.slice();
      each(top, left, tall, wide, width, (at) => means.forEach((mean, channel) => { covered[channel * area + at] = mean; }));
      sums.add(top, left, tall, wide, whole - (await judge(covered, height, width)), () => 1);
    }
  }
  const values = sums.means();
  const most = Math.max(values.reduce((one, other) => Math.max(one, Math.abs(other)), 0),
    ends ? SMALLEST * (ends[1] - ends[0]) : 0, 1e-6);
  return { values, height, width, ends: [-most, most], meaning: "change" };
}

/** The scores of overlapping patches at native resolution, averaged. */
async function byPatches(source, { image_size: [height, width] }, ends, judge) {
  const small = reduced(source);
  const large = atLeast(small, [height, width], false);
  let [rows, columns] = [placesOf(large.height, height), placesOf(large.width, width)];
  const thin = Math.ceil(Math.sqrt(Math.max(1, (rows.length * columns.length) / MOST_PATCHES)));
  [rows, columns] = [rows, columns].map((places) => thinned(places, thin));
  const sums = new Sums(large.height, large.width);
  const [down, right] = [height, width].map(hanning);
  for (const top of rows) {
    for (const left of columns) {
      const score = await judge(cut(large, [top, left], [height, width]), height, width);
      sums.add(top, left, height, width, score, (row, column) => down[row] * right[column] + 1e-3);
    }
  }
  const values = sums.means();
  let [low, high] = [values.reduce((one, other) => Math.min(one, other)), values.reduce((one, other) => Math.max(one, other))];
  if (ends) [low, high] = [Math.min(low, ends[0]), Math.max(high, ends[1])];
  return { values, height: large.height, width: large.width, ends: [low, Math.max(high, low + 1e-6)], meaning: "score" };
}

class Sums {
  constructor(height, width) {
    Object.assign(this, { width, total: new Float32Array(height * width), weight: new Float32Array(height * width) });
  }

  add(top, left, tall, wide, value, weigh) {
    each(top, left, tall, wide, this.width, (at, row, column) => {
      const weight = weigh(row, column);
      this.total[at] += weight * value;
      this.weight[at] += weight;
    });
  }

  /** Thinned patches of a huge image may leave gaps; they take the mean. */
  means() {
    const sum = (values) => values.reduce((one, other) => one + other, 0);
    const mean = sum(this.total) / sum(this.weight);
    return this.total.map((value, at) => (this.weight[at] > 0 ? value / this.weight[at] : mean));
  }
}

function each(top, left, tall, wide, width, act) {
  for (let row = 0; row < tall; row += 1) {
    for (let column = 0; column < wide; column += 1) act((top + row) * width + left + column, row, column);
  }
}

const hanning = (length) =>
  Array.from({ length }, (_, place) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (place + 1)) / (length + 1)));

function placesOf(length, patch) {
  const count = Math.max(1, Math.ceil((length - patch) / (patch / 2)) + 1);
  return Array.from({ length: count }, (_, place) => round((place * (length - patch)) / Math.max(1, count - 1)));
}

function thinned(places, step) {
  return [...new Set([...places.filter((_, number) => number % step === 0), places.at(-1)])];
}

function reduced(source) {
  const share = Math.sqrt(MOST_PIXELS / (source.width * source.height));
  if (share >= 1) return source;
  const [width, height] = [source.width, source.height].map((side) => Math.max(1, Math.floor(side * share)));
  const resize = new Resize([source.width, source.height], [0, 0, source.width, source.height], [width, height]);
  for (let row = 0; row < source.height; row += 64) {
    const count = Math.min(64, source.height - row);
    resize.put(source.rows(row, count), row, count);
  }
  const planes = resize.planes();
  const rows = (top, count) => {
    const pixels = new Uint8ClampedArray(4 * count * width);
    for (let at = 0; at < count * width; at += 1) {
      for (let channel = 0; channel < 3; channel += 1) {
        pixels[4 * at + channel] = planes[channel * height * width + top * width + at];
      }
    }
    return pixels;
  };
  return { width, height, rows };
}

/** Rows of the means of what a cell covers, at most MOST_CELLS along a side. */
function cells({ values, height, width }) {
  const share = Math.min(1, MOST_CELLS / Math.max(height, width));
  const [tall, wide] = [height, width].map((side) => Math.max(1, Math.round(side * share)));
  const [down, across] = [[height, tall], [width, wide]].map(([side, count]) => weightsOf(side, 0, side, count, BOX));
  return Array.from({ length: tall }, (_, row) => Array.from({ length: wide }, (__, column) => {
    let sum = 0;
    for (let y = 0; y < down.count[row]; y += 1) {
      for (let x = 0; x < across.count[column]; x += 1) {
        sum += down.values[row * down.taps + y] * across.values[column * across.taps + x]
          * values[(down.first[row] + y) * width + across.first[column] + x];
      }
    }
    return sum;
  }));
}

/** [left, top, width, height] of the middle in the aspect ratio of `size`, as shares. */
function middle({ width, height }, [tall, wide]) {
  const scale = Math.min(width / wide, height / tall);
  const [across, down] = [Math.min(1, (wide * scale) / width), Math.min(1, (tall * scale) / height)];
  return [(1 - across) / 2, (1 - down) / 2, across, down];
}
