// What the bytes of a file say before a browser decodes them: the kind of image, its size, whether it is whole.
// A browser shows a part of a truncated image without a word; a score of that would be wrong.

const ascii = (bytes, from, text) => [...text].every((letter, place) => bytes[from + place] === letter.charCodeAt(0));
const seen = (bytes, numbers) => numbers.every((number, place) => number === null || bytes[place] === number);
const TRUNCATED = "damaged image (truncated)";

/** Why a file can't be an image of at most `most` pixels, in the words of rankiqa; null: the browser may try. */
export function whyNotImage(buffer, most) {
  const bytes = new Uint8Array(buffer);
  if (!bytes.length) return "an empty file";
  const look = KINDS.find(([test]) => test(bytes))?.[1];
  if (!look) return null;
  try {
    const { width, height, whole } = look(bytes, new DataView(buffer));
    if (width * height > most) return `${width} x ${height} pixels, at most ${most} are taken`;
    return whole ? null : TRUNCATED;
  } catch (error) {
    if (error instanceof RangeError) return TRUNCATED; // the end of the file came first
    throw error;
  }
}

/** What to say of a file that the browser can't decode. */
export function whyUndecoded(buffer) {
  const bytes = new Uint8Array(buffer);
  if (KINDS.some(([test]) => test(bytes))) return "damaged image";
  const kind = OTHERS.find(([, test]) => test(bytes))?.[0];
  return kind ? `not read by this browser: ${kind}` : "not an image in any format";
}

const brand = (...names) => (bytes) => ascii(bytes, 4, "ftyp") && names.some((name) => ascii(bytes, 8, name));
const OTHERS = [
  ["TIFF", (bytes) => seen(bytes, [0x49, 0x49, 42, 0]) || seen(bytes, [0x4d, 0x4d, 0, 42])],
  ["HEIC", brand("heic", "heix", "hevc", "mif1", "msf1")],
  ["AVIF", brand("avif", "avis")],
  ["JPEG 2000", (bytes) => ascii(bytes, 4, "jP  ") || seen(bytes, [0xff, 0x4f, 0xff, 0x51])],
  ["JPEG XL", (bytes) => ascii(bytes, 4, "JXL ") || seen(bytes, [0xff, 0x0a])],
  ["PNM", (bytes) => bytes[0] === 0x50 && bytes[1] >= 0x31 && bytes[1] <= 0x37 && bytes[2] <= 0x20],
];
const KINDS = [
  [(bytes) => seen(bytes, [0xff, 0xd8, 0xff]), jpeg],
  [(bytes) => seen(bytes, [0x89, 0x50, 0x4e, 0x47]), png],
  [(bytes) => ascii(bytes, 0, "RIFF") && ascii(bytes, 8, "WEBP"), webp],
  [(bytes) => ascii(bytes, 0, "GIF8"), gif],
  [(bytes) => ascii(bytes, 0, "BM"), bmp],
];

/** The frame header (ITU-T T.81, B.2.2) and, behind the first scan, the mark of the end. */
function jpeg(bytes, view) {
  let at = 2;
  let size = null;
  for (;;) {
    while (view.getUint8(at) === 0xff && view.getUint8(at + 1) === 0xff) at += 1; // fill bytes
    const marker = view.getUint8(at + 1);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) size = { height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
    if (marker === 0xda) break;
    at += 2 + view.getUint16(at + 2);
  }
  let end = bytes.length - 2;
  while (end > at && !(bytes[end] === 0xff && bytes[end + 1] === 0xd9)) end -= 1;
  return { ...(size ?? { width: 0, height: 0 }), whole: end > at };
}

/** IHDR, and the chunk IEND at the end of all. */
function png(bytes, view) {
  const size = { width: view.getUint32(16), height: view.getUint32(20) };
  for (let at = 8; at + 8 <= bytes.length; at += 12 + view.getUint32(at)) {
    if (ascii(bytes, at + 4, "IEND")) return { ...size, whole: true };
  }
  return { ...size, whole: false };
}

function webp(bytes, view) {
  const whole = bytes.length >= 8 + view.getUint32(4, true);
  const three = (at) => view.getUint16(at, true) + 65536 * view.getUint8(at + 2);
  if (ascii(bytes, 12, "VP8X")) return { width: 1 + three(24), height: 1 + three(27), whole };
  if (ascii(bytes, 12, "VP8L")) {
    const bits = view.getUint32(21, true);
    return { width: 1 + (bits & 0x3fff), height: 1 + ((bits >> 14) & 0x3fff), whole };
  }
  return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff, whole };
}

function gif(bytes, view) {
  return { width: view.getUint16(6, true), height: view.getUint16(8, true), whole: true };
}

function bmp(bytes, view) {
  return { width: Math.abs(view.getInt32(18, true)), height: Math.abs(view.getInt32(22, true)), whole: true };
}
