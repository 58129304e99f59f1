// Pairs that this browser holds: their images are loaded before they are shown.

import { h } from "./dom.js";
import { say } from "./text.js";
import { linkedPanes } from "./zoom.js";

/** Width and height, in pixels of the screen, of the place for one image. */
export function boxOf(place) {
  const { clientWidth: width, clientHeight: height } = place;
  const [across, down] = isStacked() ? [1, 2] : [2, 1];
  const gap = 10;
  const side = (length, parts) => {
    const pixels = Math.floor(((length - gap * (parts - 1)) / parts) * devicePixelRatio);
    return Math.min(8192, Math.max(16, pixels));
  };
  return [side(width, across), side(height, down)];
}

export const isStacked = () => matchMedia("(max-aspect-ratio: 1/1)").matches;

/** A pair of the server, whose images begin to load; `ready` is true when both can be shown. */
export function held(pair) {
  const images = [load(pair.left), load(pair.right)];
  const whole = Promise.all(images.map((image) => image.loaded));
  return { id: pair.pair, images, ready: whole.then(() => true, () => false) };
}

function load(place) {
  const element = h("img", { src: place.address, draggable: "false", decoding: "sync" });
  let served = null; // pixels of what was loaded, per pixel of the image
  return {
    element,
    size: [place.width, place.height],
    loaded: element.decode().then(() => { served = element.naturalWidth / place.width; }),
    scaled(scale) {
      if (served === null || scale <= served * 1.01 || served >= 1) return;
      served = 1;
      const full = h("img", { src: place.full });
      full.decode().then(() => { element.src = place.full; }, () => { served = null; });
    },
  };
}

/** Put a pair into `place`; what linkedPanes gives. */
export function show(place, pair, { onpick, onswipe }) {
  const names = isStacked() ? [say("pane.top"), say("pane.bottom")] : [say("pane.left"), say("pane.right")];
  pair.images.forEach((image, side) => { image.element.alt = names[side]; });
  const linked = linkedPanes(pair.images, names, { onpick, onswipe });
  place.replaceChildren(...linked.panes);
  return linked;
}
