// A quality map over an image: a canvas of a pixel per cell, which the browser smooths.

import { h } from "./dom.js";

// Red, yellow, blue (RdYlBu of ColorBrewer): who can't tell red from green reads it, too.
const COLORS = [[165, 0, 38], [244, 109, 67], [254, 224, 144], [171, 217, 233], [69, 117, 180], [49, 54, 149]];

export function overlay(map) {
  const [rows, columns] = [map.values.length, map.values[0].length];
  const canvas = h("canvas", { class: "heat", width: columns, height: rows, "aria-hidden": "true" });
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(columns, rows);
  const [low, high] = map.ends;
  map.values.flat().forEach((value, cell) => {
    const color = colorAt((value - low) / ((high - low) || 1));
    pixels.data.set([...color, 255], 4 * cell);
  });
  context.putImageData(pixels, 0, 0);
  const [left, top, width, height] = map.box;
  Object.assign(canvas.style, {
    left: `${100 * left}%`, top: `${100 * top}%`, width: `${100 * width}%`, height: `${100 * height}%`,
  });
  return canvas;
}

function colorAt(share) {
  const place = Math.min(1, Math.max(0, share)) * (COLORS.length - 1);
  const first = Math.min(COLORS.length - 2, Math.floor(place));
  const part = place - first;
  return COLORS[first].map((value, channel) =>
    Math.round(value + part * (COLORS[first + 1][channel] - value)));
}
