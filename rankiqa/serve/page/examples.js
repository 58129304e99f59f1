// One photograph, and what the browser itself can do to it, to try the page with.

const NAMES = ["plain", "blur", "noise", "jpeg"];
const SOURCE = "page/example.webp";
export const exampleNames = NAMES;

/** The file of an example, made anew each time. */
export async function example(name) {
  const original = await (await fetch(SOURCE)).blob();
  if (name === "plain") return new File([original], "cat.webp", { type: original.type });
  const image = await createImageBitmap(original);
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  if (name === "blur") blur(context, canvas, 4);
  if (name === "noise") addNoise(context, canvas, 30);
  const type = name === "jpeg" ? "image/jpeg" : "image/png";
  const blob = await canvas.convertToBlob({ type, quality: 0.04 });
  return new File([blob], `cat_${name}.${type.slice(6)}`, { type });
}

/** Make it smaller by a factor, and large again. */
function blur(context, canvas, factor) {
  const small = new OffscreenCanvas(canvas.width / factor, canvas.height / factor);
  small.getContext("2d").drawImage(canvas, 0, 0, small.width, small.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
}

/** Gaussian noise by the method of Box and Muller (1958), the same each time. */
function addNoise(context, { width, height }, deviation) {
  const pixels = context.getImageData(0, 0, width, height);
  let state = 1;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 1) / 4294967297;
  };
  for (let at = 0; at < pixels.data.length; at += 1) {
    if (at % 4 === 3) continue;
    const normal = Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
    pixels.data[at] += deviation * normal;
  }
  context.putImageData(pixels, 0, 0);
}
