// Two images that are zoomed and moved together. A view is its zoom and the centre, as shares of the image.

import { button, h } from "./dom.js";
import { say } from "./text.js";

const MOST = 32; // times the size at which the whole image is seen
const STEP = 1.4;
const KEY_MOVE = 0.1; // of what is seen
const TAP = 10; // CSS pixels that a tap may move, at most
const SWIPE = 50; // and a swipe at least

/**
 * The element of panes for images of `fullImage`, each with a name, and their buttons.
 *
 * With `onpick` a tap on a pane calls it with the pane's number, and `onswipe` hears of (dx, dy) where a whole
 * image is swiped; arrow keys and double clicks then do nothing here. An image may have a method `scaled`, which
 * hears how many pixels of the screen one of its own takes.
 */
export function linkedPanes(images, names, { onpick, onswipe } = {}) {
  const view = { zoom: 1, least: 1, x: 0.5, y: 0.5 };
  const panes = images.map((image, number) => {
    const label = say("zoom.pane", { name: names[number] });
    const pane = h("div", { class: "pane", tabindex: 0, role: "group", "aria-label": label }, image.element);
    listen(pane, image, number);
    return pane;
  });
  const fitted = (number) => {
    const [width, height] = images[number].size;
    return Math.min(panes[number].clientWidth / width, panes[number].clientHeight / height);
  };

  function draw() {
    view.zoom = Math.min(MOST, Math.max(view.least, view.zoom));
    const half = Math.min(0.5, 0.5 / view.zoom);
    view.x = Math.min(1 - half, Math.max(half, view.x));
    view.y = Math.min(1 - half, Math.max(half, view.y));
    const onGrid = (length) => Math.round(length * devicePixelRatio) / devicePixelRatio;
    panes.forEach((pane, number) => {
      const [width, height] = images[number].size;
      const size = fitted(number) * view.zoom;
      const { style } = images[number].element;
      // Between the pixels of the screen the browser would blur it.
      style.width = `${onGrid(width * size)}px`;
      style.height = `${onGrid(height * size)}px`;
      const left = onGrid(pane.clientWidth / 2 - view.x * width * size);
      const top = onGrid(pane.clientHeight / 2 - view.y * height * size);
      style.transform = `translate(${left}px, ${top}px)`;
      images[number].element.classList.toggle("pixels", size * devicePixelRatio >= 3);
      images[number].scaled?.(size * devicePixelRatio);
    });
  }

  /** Zoom, with the place under (x, y), shares of the image, staying where it is. */
  function zoom(factor, x = view.x, y = view.y) {
    const before = view.zoom;
    view.zoom = Math.min(MOST, Math.max(view.least, view.zoom * factor));
    view.x = x + (view.x - x) * (before / view.zoom);
    view.y = y + (view.y - y) * (before / view.zoom);
    draw();
  }

  const whole = () => { Object.assign(view, { zoom: 1, least: 1, x: 0.5, y: 0.5 }); draw(); };
  const full = () => {
    const wanted = 1 / (fitted(0) * devicePixelRatio);
    view.least = Math.min(1, wanted); // of a small image that fills its pane it is a step back
    zoom(wanted / view.zoom);
  };

  function listen(pane, image, number) {
    const share = (event) => {
      const box = image.element.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    };
    pane.addEventListener("wheel", (event) => {
      event.preventDefault();
      zoom(event.deltaY < 0 ? STEP : 1 / STEP, ...share(event));
    }, { passive: false });
    const held = new Map();
    let start = null; // of a touch or click by one pointer
    pane.addEventListener("pointerdown", (event) => {
      start = held.size || event.button ? null : event;
      held.set(event.pointerId, event);
      pane.setPointerCapture(event.pointerId);
    });
    pane.addEventListener("pointermove", (event) => {
      const before = held.get(event.pointerId);
      if (!before) return;
      const box = image.element.getBoundingClientRect();
      const other = [...held.values()].find((one) => one.pointerId !== event.pointerId);
      if (other) {
        const distance = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
        zoom(distance(event) / (distance(before) || 1), ...share(other));
      } else {
        view.x -= (event.clientX - before.clientX) / box.width;
        view.y -= (event.clientY - before.clientY) / box.height;
        draw();
      }
      held.set(event.pointerId, event);
    });
    pane.addEventListener("pointercancel", (event) => held.delete(event.pointerId));
    pane.addEventListener("pointerup", (event) => {
      held.delete(event.pointerId);
      if (!onpick || !start) return;
      const [dx, dy] = [event.clientX - start.clientX, event.clientY - start.clientY];
      start = null;
      if (Math.hypot(dx, dy) < TAP) onpick(number);
      else if (view.zoom <= 1 && Math.hypot(dx, dy) >= SWIPE) onswipe?.(dx, dy);
    });
    if (onpick) return;
    pane.addEventListener("dblclick", (event) => zoom(STEP * STEP, ...share(event)));
    pane.addEventListener("keydown", (event) => {
      const far = KEY_MOVE / view.zoom;
      const act = {
        "+": () => zoom(STEP), "=": () => zoom(STEP), "-": () => zoom(1 / STEP), 0: whole,
        ArrowLeft: () => { view.x -= far; draw(); }, ArrowRight: () => { view.x += far; draw(); },
        ArrowUp: () => { view.y -= far; draw(); }, ArrowDown: () => { view.y += far; draw(); },
      }[event.key];
      if (!act || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      act();
    });
  }

  new ResizeObserver(draw).observe(panes[0]);
  const named = (key, sign, act) => button(sign, act, "plain", { "data-label": key });
  const tools = h("div", { class: "actions zoom-tools" },
    named("zoom.out", "−", () => zoom(1 / STEP)), named("zoom.in", "+", () => zoom(STEP)),
    button("", whole, "plain", { "data-text": "zoom.fit" }), button("", full, "plain", { "data-text": "zoom.full" }));
  return { panes, tools, zoom, whole, full };
}
