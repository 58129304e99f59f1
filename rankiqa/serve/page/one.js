// The tab of one image: its score, and on request a map of where quality is lost.

import { qualityMap } from "./api.js";
import { scoreOne } from "./batches.js";
import { card, gradeInWords } from "./card.js";
import { announce, busy, button, h, problem } from "./dom.js";
import { errorOf, whyNot } from "./errors.js";
import { example, exampleNames } from "./examples.js";
import { overlay } from "./heatmap.js";
import { fullImage } from "./images.js";
import { picker } from "./picker.js";
import { say, score, tell } from "./text.js";

const STRENGTH = 50; // percent of the map over the image, at first

export class One {
  constructor(panel) {
    this.panel = panel;
    this.shown = null; // {name, row, image, map, mapping, mapError}
    this.render();
  }

  take(items) {
    if (items.length) this.judge(items[0].file, items[0].path);
  }

  async judge(file, name) {
    this.stop();
    const running = new AbortController();
    this.running = running;
    const shown = { file, name };
    this.shown = shown;
    this.render();
    announce(say("one.working", { name }));
    try {
      const [row, image] = await Promise.all([scoreOne(file, running.signal), fullImage(file, name)]);
      Object.assign(shown, { row, image });
    } catch (error) {
      if (running.signal.aborted) return;
      throw error;
    }
    this.render();
    const { row } = shown;
    if (!row.error) announce(say("one.said", { name, grade: gradeInWords(row.score), score: score(row.score) }));
  }

  async askMap() {
    const { shown, running } = this;
    shown.mapping = true;
    this.render();
    announce(say("map.working"));
    try {
      shown.map = await qualityMap(shown.file, { signal: running.signal });
      announce(say("map.said"));
    } catch (error) {
      if (running.signal.aborted) return;
      shown.mapError = errorOf(error);
    }
    shown.mapping = false;
    this.render();
    this.panel.querySelector(".map-tools input")?.focus();
  }

  stop() {
    this.running?.abort();
    this.shown?.image?.revoke();
    this.shown = null;
  }

  render() {
    const { shown } = this;
    const refused = shown?.row?.error;
    const parts = [];
    if (shown && !refused) parts.push(this.result(shown));
    if (refused) parts.push(problem(say("refused", { name: shown.name, why: whyNot(shown.row.error) })));
    if (!shown || refused) parts.push(this.invitation());
    this.panel.replaceChildren(...parts);
    tell(this.panel);
  }

  invitation() {
    const tries = exampleNames.map((name) =>
      button("", async () => {
        const file = await example(name);
        this.judge(file, file.name);
      }, "plain", { "data-text": `example.${name}` }));
    return h("div", { class: "stack" },
      picker({ title: "drop.one", onfiles: (items) => this.take(items) }),
      h("div", { class: "examples" }, h("span", { class: "small", "data-text": "examples" }),
        h("div", { class: "actions" }, ...tries)));
  }

  result(shown) {
    const stage = h("figure", { class: "stage" });
    if (shown.image) {
      const frame = h("div", { class: "frame" }, shown.image.element);
      stage.append(frame, h("figcaption", { class: "small" }, shown.name));
      if (shown.map) this.addMap(stage, frame, shown.map);
    } else {
      stage.append(busy(say("one.working", { name: shown.name })));
    }
    const again = button("", () => { this.stop(); this.render(); this.panel.querySelector("button").focus(); },
      "plain", { "data-text": "another" });
    const side = h("div", { class: "stack" });
    if (shown.row) side.append(card(shown.row), this.mapButton(shown));
    side.append(h("div", { class: "actions" }, again));
    return h("div", { class: "columns" }, stage, side);
  }

  mapButton(shown) {
    if (shown.mapping) return busy(say("map.working"));
    if (shown.mapError) return problem(whyNot(shown.mapError));
    if (shown.map) return h("p", { class: "small" }, say(`map.${shown.map.meaning}`));
    return h("div", { class: "actions" }, button("", () => this.askMap(), "main", { "data-text": "map.ask" }));
  }

  addMap(stage, frame, map) {
    const heat = overlay(map);
    const strength = h("input", { type: "range", min: 0, max: 100, value: this.strength ?? STRENGTH, id: "strength" });
    const mix = () => {
      this.strength = Number(strength.value);
      heat.style.opacity = this.strength / 100;
      frame.style.setProperty("--grey", Math.min(1, this.strength / 40));
    };
    strength.addEventListener("input", mix);
    mix();
    frame.classList.add("mapped");
    frame.append(heat);
    stage.append(h("div", { class: "map-tools" },
      h("label", { for: "strength", class: "small" }, say("map.strength")), strength,
      h("div", { class: "legend small" }, h("span", {}, say("map.low")), h("i"), h("span", {}, say("map.high")))));
  }
}
