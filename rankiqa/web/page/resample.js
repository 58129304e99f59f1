// Resampling of 8-bit images as Pillow does it (src/libImaging/Resample.c), to the last bit: along the rows
// first, weights as fixed-point numbers of 22 bits, boxes of 32-bit floats.

const BITS = 22;
const HALF = 1 << (BITS - 1);

/** Keys (1981) with a = -0.5, which Pillow calls BICUBIC. */
export const CUBIC = {
  support: 2,
  weight(x) {
    const far = Math.abs(x);
    if (far < 1) return (1.5 * far - 2.5) * far * far + 1;
    return far < 2 ? (((far - 5) * far + 8) * far - 4) * -0.5 : 0;
  },
};

/** The mean of what a pixel covers. */
export const BOX = { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) };

/** For each of `outSize` places: the first source place, how many count, and their weights, whose sum is 1. */
export function weightsOf(inSize, from, to, outSize, filter) {
  const scale = Math.fround(to - from) / outSize;
  const wide = Math.max(scale, 1);
  const support = filter.support * wide;
  const taps = 2 * Math.ceil(support) + 1;
  const found = { taps, first: new Int32Array(outSize), count: new Int32Array(outSize), values: new Float64Array(outSize * taps) };
  for (let place = 0; place < outSize; place += 1) {
    const center = from + (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const count = Math.min(inSize, Math.trunc(center + support + 0.5)) - first;
    let sum = 0;
    for (let tap = 0; tap < count; tap += 1) {
      const value = filter.weight((tap + first - center + 0.5) * (1 / wide));
      found.values[place * taps + tap] = value;
      sum += value;
    }
    if (sum !== 0) for (let tap = 0; tap < count; tap += 1) found.values[place * taps + tap] /= sum;
    found.first[place] = first;
    found.count[place] = count;
  }
  return found;
}

function fixed({ values }) {
  return Int32Array.from(values, (value) => Math.trunc(value * 2 ** BITS + (value < 0 ? -0.5 : 0.5)));
}

const clipped = (sum) => {
  const value = sum >> BITS;
  return value < 0 ? 0 : value > 255 ? 255 : value;
};

/** A cut-out `box` [left, top, right, bottom] of an image of (width, height), resized; it takes rows as they come. */
export class Resize {
  constructor([width, height], box, [outWidth, outHeight]) {
    const [left, top, right, bottom] = box.map(Math.fround);
    this.across = weightsOf(width, left, right, outWidth, CUBIC);
    this.down = weightsOf(height, top, bottom, outHeight, CUBIC);
    this.acrossFixed = fixed(this.across);
    this.downFixed = fixed(this.down);
    this.first = this.down.first[0]; // the rows that are needed: from `first` up to and without `end`
    this.end = this.down.first[outHeight - 1] + this.down.count[outHeight - 1];
    // Pillow 13 begins with the columns of an image that loses more than twice as much height as width.
    this.downFirst = height > outHeight && height - outHeight > 2 * (width - outWidth);
    Object.assign(this, { width, outWidth, outHeight });
    if (this.downFirst) this.sums = new Int32Array(outHeight * width * 3).fill(HALF);
    else this.rows = new Uint8Array((this.end - this.first) * outWidth * 3);
  }

  /** Take `count` whole rows of RGBA, the first of which is row `top` of the image. */
  put(pixels, top, count) {
    if (this.downFirst) this.addRows(pixels, top, count);
    else this.acrossRows(pixels, 4, count, this.rows, (top - this.first) * this.outWidth * 3);
  }

  /** The resized image as planes, uint8 (3, H, W). */
  planes() {
    const { outWidth: width, outHeight: height, rows } = this;
    const planes = new Uint8Array(3 * width * height);
    const spread = (values, y) => {
      for (let x = 0, at = 0; x < width; x += 1) {
        for (let channel = 0; channel < 3; channel += 1, at += 1) {
          planes[channel * width * height + y * width + x] = values[at];
        }
      }
    };
    if (this.downFirst) {
      const tall = Uint8Array.from(this.sums, clipped);
      const row = new Uint8Array(3 * width);
      for (let y = 0; y < height; y += 1) {
        this.acrossRows(tall.subarray(y * this.width * 3), 3, 1, row, 0);
        spread(row, y);
      }
      return planes;
    }
    const { down: { first, count, taps }, downFixed } = this;
    const sums = new Int32Array(3 * width);
    for (let y = 0; y < height; y += 1) {
      sums.fill(HALF);
      for (let tap = 0; tap < count[y]; tap += 1) {
        const weight = downFixed[y * taps + tap];
        const from = (first[y] + tap - this.first) * 3 * width;
        for (let x = 0; x < 3 * width; x += 1) sums[x] = (sums[x] + Math.imul(rows[from + x], weight)) | 0;
      }
      spread(sums.map(clipped), y);
    }
    return planes;
  }

  /** Resize `count` rows of `channels` numbers a pixel along their length, into `out` from `at` on. */
  acrossRows(pixels, channels, count, out, at) {
    const { across: { first, count: counts, taps }, acrossFixed, width, outWidth } = this;
    for (let row = 0; row < count; row += 1) {
      for (let x = 0; x < outWidth; x += 1) {
        let from = channels * (row * width + first[x]);
        let red = HALF;
        let green = HALF;
        let blue = HALF;
        const end = x * taps + counts[x];
        for (let tap = x * taps; tap < end; tap += 1, from += channels) {
          const weight = acrossFixed[tap];
          red = (red + Math.imul(pixels[from], weight)) | 0;
          green = (green + Math.imul(pixels[from + 1], weight)) | 0;
          blue = (blue + Math.imul(pixels[from + 2], weight)) | 0;
        }
        out[at] = clipped(red);
        out[at + 1] = clipped(green);
        out[at + 2] = clipped(blue);
        at += 3;
      }
    }
  }

  /** Add rows of RGBA to all rows of the result that they count for. */
  addRows(pixels, top, count) {
    const { down: { first, count: counts, taps }, downFixed, sums, width, outHeight } = this;
    for (let y = 0; y < outHeight; y += 1) {
      const end = Math.min(top + count, first[y] + counts[y]);
      for (let row = Math.max(top, first[y]); row < end; row += 1) {
        const weight = downFixed[y * taps + row - first[y]];
        let from = 4 * (row - top) * width;
        for (let at = y * width * 3; at < (y + 1) * width * 3; at += 3, from += 4) {
          sums[at] = (sums[at] + Math.imul(pixels[from], weight)) | 0;
          sums[at + 1] = (sums[at + 1] + Math.imul(pixels[from + 1], weight)) | 0;
          sums[at + 2] = (sums[at + 2] + Math.imul(pixels[from + 2], weight)) | 0;
        }
      }
    }
  }
}
