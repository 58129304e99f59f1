// The labelling page: who answers, the pair in front, keys and touches; what was answered goes to the outbox.

import { announce, busy, button, byId, h } from "./dom.js";
import { Outbox, ask } from "./outbox.js";
import { boxOf, held, isStacked, show } from "./pairs.js";
import { choose, integer, languageTag, number, say, tell, usual } from "./text.js";

const NEXT = "v1/label/next";
const ANSWERS = "v1/label/answers";
const UNDO = "v1/label/undo";
const KEYS = {
  arrowleft: "left", f: "left", arrowright: "right", j: "right", arrowdown: "tie", " ": "tie", s: "skip",
};
let about = null;
let rater = null;
let outbox = null;
let pairs = []; // held, the shown one first
let front = null; // {pair, linked, since} of what can be answered
let turn = null; // what the server said last
let undoing = false;

async function main() {
  await choose(usual());
  theme();
  listen();
  try {
    about = await ask("v1/label/about");
  } catch {
    complain(say("error.start"));
    return;
  }
  const remembered = localStorage.getItem("rater");
  if (remembered && (!about.raters || about.raters.includes(remembered))) enter(remembered);
  else askForName();
  write();
}

/** A rater begins, or another one goes on. */
async function enter(name) {
  rater = name;
  localStorage.setItem("rater", name);
  [pairs, front, turn] = [[], null, null];
  outbox = new Outbox(`outbox:${about.version}:${name}`, {
    complete: () => ({ ...asking(), rater: name }),
    ondone: (said, item) => { if (name === rater) done(said, item); },
    onwait: (waits) => complain(waits ? say("error.unsaved", { count: integer(outbox.items.length) }) : null),
    onlost: (refusal) => complain(say("error.lost", { why: refusal.message })),
  });
  write();
  draw();
  if (outbox.items.length) await outbox.pump();
  await refill();
}

const asking = () => ({
  version: about.version, box: boxOf(byId("pair")), holding: pairs.map((pair) => pair.id),
});

async function refill() {
  const name = rater;
  try {
    const said = await ask(NEXT, { ...asking(), rater });
    if (name === rater) take(said);
  } catch (error) {
    complain(error.status ? error.message : say("error.gone"));
    if (!error.status || error.status >= 500) setTimeout(() => { if (name === rater) refill(); }, 1000);
  }
}

function done(said, item) {
  if (item.path === UNDO) {
    undoing = false;
    if (said.again) {
      front = null;
      pairs = pairs.filter((pair) => pair.id !== said.again);
      pairs.unshift(held(said.pairs.find((pair) => pair.pair === said.again)));
      announce(say("undone"));
    }
  }
  take(said);
}

/** Hold what the server says is next; what is held already stays where it is. */
function take(said) {
  turn = said;
  const known = new Set(pairs.map((pair) => pair.id));
  const answered = new Set(outbox.items.map((item) => item.sent.pair));
  for (const pair of said.pairs) {
    if (!known.has(pair.pair) && !answered.has(pair.pair)) pairs.push(held(pair));
  }
  write();
  draw();
}

/** Show the pair in front when its images are there. */
async function draw() {
  const [pair] = pairs;
  if (front && front.pair === pair) return;
  front = null;
  if (!pair) {
    byId("pair").replaceChildren(h("div", { class: "waiting" }, busy(say(turn && !turn.pairs.length ? "none" : "waiting"))));
    write();
    return;
  }
  if (!(await pair.ready)) {
    if (pairs[0] === pair) {
      pairs.shift();
      refill();
    }
    return;
  }
  if (pairs[0] !== pair || front) return;
  const linked = show(byId("pair"), pair, { onpick: (side) => answer(["left", "right"][side]), onswipe: swipe });
  byId("tools").replaceChildren(linked.tools);
  front = { pair, linked, since: performance.now() };
  tell(byId("tools"));
  write();
  requestAnimationFrame(() => requestAnimationFrame(() => {
    if (performance.getEntriesByName("answered").length) {
      performance.measure("answer to next pair", "answered");
      performance.clearMarks("answered");
    }
  }));
}

function answer(which) {
  if (!front || undoing || document.querySelector("dialog[open]")) return;
  performance.clearMarks("answered");
  performance.mark("answered");
  const { pair, since } = front;
  const seconds = (performance.now() - since) / 1000;
  const before = turn.count + outbox.growth;
  pairs.shift();
  front = null;
  outbox.add({ path: ANSWERS, sent: { pair: pair.id, answer: which, seconds, before } });
  announce(say("said", { answer: say(`answer.${which}`), count: integer(before + 1) }));
  draw();
}

/** Towards the better image. */
function swipe(dx, dy) {
  const across = Math.abs(dx) > Math.abs(dy);
  if (across) answer(dx < 0 ? "left" : "right");
  else if (isStacked()) answer(dy < 0 ? "left" : "right");
}

function undo() {
  const before = turn ? turn.count + outbox.growth : 0;
  if (!before || undoing || document.querySelector("dialog[open]")) return;
  undoing = true;
  const seconds = front ? (performance.now() - front.since) / 1000 : 0;
  outbox.add({ path: UNDO, sent: { seconds, before } });
  write();
}

/** All words and numbers but for the images. */
function write() {
  for (const element of document.querySelectorAll("[data-language]")) {
    element.setAttribute("aria-pressed", String(languageTag().startsWith(element.dataset.language)));
  }
  const count = turn ? turn.count + outbox.growth : 0;
  byId("answers").textContent = turn ? say("count", { count: integer(count) }) : "";
  byId("who").textContent = rater ?? "";
  byId("who").hidden = !rater;
  byId("who").setAttribute("aria-label", say("name.change", { name: rater ?? "" }));
  const { outlook, prior } = turn ?? {};
  byId("outlook").textContent = outlook ? say("outlook", {
    now: number(100 * Math.max(0, outlook.now)), after: number(100 * Math.max(0, outlook.after)), clicks: integer(outlook.clicks),
  }) : "";
  byId("prior").textContent = prior && prior.done < prior.total
    ? say("prior", { done: integer(prior.done), total: integer(prior.total) }) : "";
  for (const element of document.querySelectorAll("[data-answer]")) element.disabled = !front;
  byId("undo").disabled = !count || undoing;
}

function complain(text) {
  byId("problem").hidden = !text;
  if (text) byId("problem").textContent = text;
}

function listen() {
  document.addEventListener("keydown", (event) => {
    if (event.repeat || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const key = event.key.toLowerCase();
    const onButton = event.target.closest?.("button") && (key === " " || key === "enter");
    if (onButton || event.target.closest?.("input")) return;
    const back = key === "u" || key === "backspace" || (event.ctrlKey && key === "z");
    if (event.ctrlKey && !back) return;
    const act = back ? undo : KEYS[key] ? () => answer(KEYS[key]) : {
      "+": () => front?.linked.zoom(1.4), "=": () => front?.linked.zoom(1.4), "-": () => front?.linked.zoom(1 / 1.4),
      0: () => front?.linked.whole(), 1: () => front?.linked.full(), "?": () => byId("keys").showModal(),
    }[key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  for (const element of document.querySelectorAll("[data-answer], #undo")) {
    // The focus stays where it is, so that the keys go on to answer.
    element.addEventListener("pointerdown", (event) => event.preventDefault());
    element.addEventListener("click", element.id === "undo" ? undo : () => answer(element.dataset.answer));
  }
  byId("help").addEventListener("click", () => byId("keys").showModal());
  byId("who").addEventListener("click", askForName);
  for (const element of document.querySelectorAll("[data-language]")) {
    element.addEventListener("click", async () => {
      localStorage.setItem("language", element.dataset.language);
      await choose(element.dataset.language);
      write();
    });
  }
}

function askForName() {
  const [dialog, field, wrong] = [byId("name"), byId("name-field"), byId("name-wrong")];
  const given = (name) => {
    dialog.close();
    if (name !== rater) enter(name);
  };
  const fixed = Boolean(about.raters);
  byId("name-choice").hidden = !fixed;
  byId("name-choice").replaceChildren(...(about.raters ?? []).map((name) => button(name, () => given(name))));
  for (const element of [field, dialog.querySelector("label"), dialog.querySelector("[type=submit]")]) {
    element.hidden = fixed;
  }
  byId("name-known").replaceChildren(...about.known.map((name) => h("option", { value: name })));
  wrong.hidden = true;
  dialog.oncancel = (event) => { if (!rater) event.preventDefault(); };
  dialog.querySelector("form").onsubmit = (event) => {
    event.preventDefault();
    const name = field.value.trim().split(/\s+/).join(" ");
    wrong.hidden = /^[\p{L}\p{N}_][\p{L}\p{N}_ .'-]{0,39}$/u.test(name);
    if (wrong.hidden) given(name);
  };
  dialog.showModal();
}

function theme() {
  const root = document.documentElement;
  const tellState = () => byId("theme").setAttribute("aria-pressed", String(root.dataset.theme === "dark"));
  byId("theme").addEventListener("click", () => {
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
    tellState();
  });
  tellState();
}

main();
