// The tab that compares two images: which one is better, by how much, and both side by side.

import { ends } from "./api.js";
import { scoreOne } from "./batches.js";
import { card, place, scale } from "./card.js";
import { announce, busy, button, h, problem } from "./dom.js";
import { whyNot } from "./errors.js";
import { fullImage } from "./images.js";
import { picker } from "./picker.js";
import { number, say, score, tell } from "./text.js";
import { linkedPanes } from "./zoom.js";

const ALIKE = 0.01; // of the scale: two scores that are closer say nothing
const LETTERS = ["A", "B"];
const TITLES = ["drop.first", "drop.second"];

export class Two {
  constructor(panel) {
    this.panel = panel;
    this.slots = [null, null]; // {name, row, image}
    this.running = [null, null];
    this.render();
  }

  /** Two files fill both places, one the first that is free, else the second. */
  take(items) {
    if (items.length >= 2) {
      this.put(0, items[0]);
      this.put(1, items[1]);
    } else if (items.length) {
      this.put(this.slots.findIndex((slot) => !slot || slot.row?.error) === 0 ? 0 : 1, items[0]);
    }
  }

  async put(side, { file, path }) {
    this.drop(side);
    const running = new AbortController();
    this.running[side] = running;
    const slot = { name: path };
    this.slots[side] = slot;
    this.render();
    try {
      const [row, image] = await Promise.all([scoreOne(file, running.signal), fullImage(file, path)]);
      Object.assign(slot, { row, image });
    } catch (error) {
      if (running.signal.aborted) return;
      throw error;
    }
    this.render();
    const verdict = this.panel.querySelector(".verdict");
    if (verdict) announce(verdict.textContent);
  }

  drop(side) {
    this.running[side]?.abort();
    this.slots[side]?.image?.revoke();
    this.slots[side] = null;
  }

  render() {
    const bad = this.slots.filter((slot) => slot?.row?.error);
    const parts = bad.map((slot) => problem(say("refused", { name: slot.name, why: whyNot(slot.row.error) })));
    const judged = this.slots.every((slot) => slot?.row && !slot.row.error);
    parts.push(...(judged ? this.comparison() : this.places()));
    this.panel.replaceChildren(...parts);
    tell(this.panel);
  }

  places() {
    const zones = this.slots.map((slot, side) => {
      if (!slot || slot.row?.error) {
        const onfiles = (items) => items.length > 1 ? this.take(items) : items[0] && this.put(side, items[0]);
        return picker({ title: TITLES[side], onfiles });
      }
      const inside = slot.row ? slot.image.element : busy(say("one.working", { name: slot.name }));
      return h("figure", { class: "stage" }, h("div", { class: "frame" }, inside),
        h("figcaption", { class: "small" }, slot.name));
    });
    const filled = this.slots.filter((slot) => slot?.row && !slot.row.error).length;
    const hint = filled === 1 ? h("p", { class: "small center", role: "status" }, say("two.missing")) : null;
    return [h("div", { class: "pair" }, ...zones), ...(hint ? [hint] : [])];
  }

  comparison() {
    const { panes, tools } = linkedPanes(this.slots.map((slot) => slot.image), this.slots.map((slot) => slot.name));
    const sides = this.slots.map((slot, side) =>
      h("div", { class: "side" },
        h("h3", {}, h("span", { class: "letter" }, LETTERS[side]), h("span", { class: "name" }, slot.name)),
        panes[side], card(slot.row)));
    const clear = () => {
      LETTERS.forEach((_, side) => this.drop(side));
      this.render();
      this.panel.querySelector("button").focus();
    };
    const swap = () => { this.slots.reverse(); this.running.reverse(); this.render(); };
    tools.append(h("span", { class: "space" }),
      button("", swap, "plain", { "data-text": "two.swap" }),
      button("", clear, "plain", { "data-text": "two.clear" }));
    return [h("div", { class: "stack" }, this.verdict(), tools, h("div", { class: "pair" }, ...sides),
      h("p", { class: "small" }, say("zoom.help")))];
  }

  verdict() {
    const scores = this.slots.map((slot) => slot.row.score);
    const [low, high] = [Math.min(...scores), Math.max(...scores)];
    const range = ends();
    const share = range ? Math.abs(place(high, range) - place(low, range)) : null;
    const tie = share === null ? high === low : share <= ALIKE;
    const side = scores[0] === high ? 0 : 1;
    const name = `${LETTERS[side]} (${this.slots[side].name})`;
    const by = say("two.by", { high: score(high), low: score(low), gap: number(high - low, 2) });
    const of = share === null ? "" : ` (${say("two.by_scale", { share: number(100 * share) })})`;
    return h("div", { class: "card verdict" },
      h("h2", {}, tie ? say("two.tie") : say("two.better", { name })),
      h("p", { class: "small" }, by + of),
      scale(this.slots.map((slot, number_) => ({ value: slot.row.score, name: LETTERS[number_] }))));
  }
}
