// The tab of many images: progress, a sorted table or thumbnails, CSV.

import { scoreAll } from "./batches.js";
import { announce, button, h, problem } from "./dom.js";
import { csv, download } from "./csv.js";
import { thumbnail } from "./images.js";
import { picker } from "./picker.js";
import { columnsFor, FIRST_DOWN, gridCard, ORDERS, sorted, tableRow } from "./table.js";
import { duration, integer, say, tell } from "./text.js";

const SHOWN = 500; // rows at first; more make a page slow
const PAUSE = 400; // milliseconds between two drawings while rows come

export class Many {
  constructor(panel, onopen) {
    Object.assign(this, { panel, onopen, view: "table", order: "score_down" });
    this.clear();
  }

  clear() {
    this.running?.abort();
    for (const item of this.items ?? []) if (item.thumb) URL.revokeObjectURL(item.thumb);
    Object.assign(this, { items: [], running: null, skipped: 0, waiting: false, cancelled: false, nothing: false });
    this.shown = SHOWN;
    this.render();
  }

  /** Add items; those that come during a run are scored after it. */
  async take(picked, skipped) {
    this.skipped += skipped;
    this.nothing = !picked.length && !this.items.length;
    const first = this.items.length;
    picked.forEach((item, number) => this.items.push({ ...item, order: first + number, row: null }));
    if (this.running || !picked.length) {
      if (!this.running) this.render();
      return;
    }
    const running = new AbortController();
    Object.assign(this, { running, cancelled: false });
    this.render();
    this.panel.querySelector(".cancel").focus();
    for (let open = this.open(); open.length && !running.signal.aborted; open = this.open()) {
      await this.score(open, running.signal);
    }
    if (this.running !== running) return; // cleared meanwhile
    Object.assign(this, { running: null, waiting: false, cancelled: running.signal.aborted });
    this.render();
    announce(this.summary());
  }

  open() {
    return this.items.filter((item) => item.row === null);
  }

  async score(items, signal) {
    Object.assign(this, { started: performance.now(), before: this.items.length - items.length });
    await scoreAll(items.map((item) => item.file), {
      signal,
      tell: (place, row) => {
        items[place].row = row;
        this.preview(items[place], signal);
        this.soon();
      },
      waits: (waiting) => { this.waiting = waiting; this.soon(); },
    });
  }

  async preview(item, signal) {
    const { thumb } = item.row; // the page without a server makes it while it decodes
    item.thumb = thumb ? URL.createObjectURL(thumb) : await thumbnail(item.file, signal);
    this.soon();
  }

  soon() {
    this.timer ??= setTimeout(() => { this.timer = null; this.update(); }, PAUSE);
  }

  render() {
    if (!this.items.length) {
      const zone = picker({
        title: "drop.many", hint: "drop.or_many", many: true, onfiles: (items, skipped) => this.take(items, skipped),
      });
      this.panel.replaceChildren(...(this.nothing ? [problem(say("many.nothing"))] : []), zone);
    } else {
      this.head = h("div", { class: "stack" });
      this.body = h("div", { class: "list" });
      this.panel.replaceChildren(h("div", { class: "stack" }, this.head, this.tools(), this.body));
      this.update();
    }
    tell(this.panel);
  }

  /** Draw what changes while rows come; the focus stays where it is. */
  update() {
    if (!this.items.length || !this.head) return;
    this.drawHead();
    const focused = this.body.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
    const items = sorted(this.items, this.order).slice(0, this.shown);
    this.body.replaceChildren(this.view === "table" ? this.table(items) : this.grid(items));
    if (this.items.length > this.shown) {
      const all = say("many.show_all", { count: integer(this.items.length) });
      this.body.append(button(all, () => { this.shown = Infinity; this.update(); }));
    }
    if (focused) this.body.querySelector(`[data-focus="${focused}"]`)?.focus();
  }

  drawHead() {
    if (!this.running) {
      const skipped = this.skipped ? `. ${say("many.skipped", { count: integer(this.skipped) })}` : "";
      this.head.replaceChildren(h("p", { class: "summary" }, this.summary() + skipped));
      return;
    }
    const [done, all] = [this.items.length - this.open().length, this.items.length];
    const words = [say("many.progress", { done: integer(done), all: integer(all) })];
    const fresh = done - this.before;
    if (this.waiting) words.push(say("many.waiting"));
    else if (fresh >= 4) {
      const seconds = ((performance.now() - this.started) / 1000 / fresh) * (all - done);
      words.push(say("many.left", { time: duration(seconds) }));
    }
    if (!this.head.querySelector("progress")) {
      this.head.replaceChildren(h("div", { class: "running" },
        h("progress", { max: all, "aria-labelledby": "progress-text" }),
        h("span", { id: "progress-text" }),
        button(say("many.cancel"), () => this.cancel(), "plain cancel")));
    }
    Object.assign(this.head.querySelector("progress"), { max: all, value: done });
    this.head.querySelector("#progress-text").textContent = words.join(" · ");
  }

  cancel() {
    this.running?.abort(new DOMException("cancelled", "AbortError"));
  }

  summary() {
    const bad = this.items.filter((item) => item.row?.error).length;
    const left = this.open().length;
    const counts = { good: integer(this.items.length - bad - left), bad: integer(bad), left: integer(left) };
    return say(this.cancelled && left ? "many.cancelled" : "many.done", counts);
  }

  tools() {
    const choice = (view) => button("", () => { this.view = view; this.render(); }, "",
      { "data-text": `many.${view}`, "aria-pressed": String(this.view === view) });
    const order = h("select", { id: "order", onchange: () => { this.order = order.value; this.update(); } },
      ...[...new Set([...ORDERS, this.order])].map((name) =>
        h("option", { value: name, selected: name === this.order }, orderInWords(name))));
    const more = picker({ title: "many.more", many: true, onfiles: (items, skipped) => this.take(items, skipped) });
    return h("div", { class: "actions bar" },
      h("div", { class: "segments", role: "group", "data-label": "many.view" }, choice("table"), choice("grid")),
      h("label", { for: "order", class: "small", "data-text": "many.sort" }), order, h("span", { class: "space" }),
      this.adder(more),
      button("", () => { this.clear(); this.panel.querySelector("button").focus(); }, "plain", { "data-text": "many.clear" }),
      button("", () => download(csv(this.items.filter((item) => item.row)), "scores.csv"), "main", { "data-text": "many.csv" }));
  }

  /** The picker's input behind a single button. */
  adder(zone) {
    const input = zone.querySelector("input");
    return h("span", {}, button("", () => input.click(), "plain", { "data-text": "many.more" }), input);
  }

  table(items) {
    const columns = columnsFor(this.items, this.onopen);
    const heads = columns.map(([name, sorts]) => this.heading(name, sorts));
    const rows = items.map((item) => numbered(tableRow(item, columns), item));
    return h("div", { class: "scroll" }, h("table", {},
      h("caption", { class: "unseen" }, say("many.caption")),
      h("thead", {}, h("tr", {}, ...heads)), h("tbody", {}, ...rows)));
  }

  heading(name, sorts) {
    const text = say(`column.${name}`);
    if (!sorts) return h("th", { scope: "col", class: `of-${name}` }, name === "thumbnail" ? h("span", { class: "unseen" }, text) : text);
    const [key, direction] = this.order.split("_");
    const mine = key === name;
    const turned = mine ? direction === "down" : !FIRST_DOWN.has(name);
    const act = () => { this.order = `${name}_${turned ? "up" : "down"}`; this.render(); this.panel.querySelector(`[data-focus="${name}"]`).focus(); };
    const arrow = mine ? (direction === "up" ? " ↑" : " ↓") : "";
    return h("th", { scope: "col", class: `of-${name}`, "aria-sort": mine ? `${direction === "up" ? "a" : "de"}scending` : null },
      button(text, act, "link", { "data-focus": name }), h("span", { "aria-hidden": "true" }, arrow));
  }

  grid(items) {
    return h("ul", { class: "grid" }, ...items.map((item) => numbered(gridCard(item, this.onopen), item)));
  }
}

function numbered(element, item) {
  element.querySelector("button")?.setAttribute("data-focus", `item${item.order}`);
  return element;
}

function orderInWords(order) {
  if (ORDERS.includes(order)) return say(`sort.${order}`);
  const [key, direction] = order.split("_");
  return `${say(`column.${key}`)} ${direction === "up" ? "↑" : "↓"}`;
}
