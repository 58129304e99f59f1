// The page itself: language, theme, tabs, key; what is dropped or pasted goes to the tab in front.

import { server, start } from "./api.js";
import { byId, themeButton } from "./dom.js";
import { Many } from "./many.js";
import { One } from "./one.js";
import { acceptEverywhere } from "./picker.js";
import { choose, languageTag, say, usual } from "./text.js";
import { Two } from "./two.js";

const TABS = ["one", "two", "many"];
const tabs = {};
let front = "one";

async function main() {
  await choose(usual());
  theme();
  try {
    await start(askForKey);
  } catch (error) {
    byId("start").textContent = say(error.status === 401 ? "error.no_key" : "error.start");
    byId("start").hidden = false;
  }
  if (server.limits) {
    tabs.one = new One(byId("one"));
    tabs.two = new Two(byId("two"));
    tabs.many = new Many(byId("many"), (item) => {
      show("one", true);
      tabs.one.judge(item.file, item.path);
    });
    acceptEverywhere((items, skipped) => tabs[front].take(items, skipped));
  }
  tell();
  for (const element of document.querySelectorAll("[data-language]")) {
    element.addEventListener("click", () => changeLanguage(element.dataset.language));
  }
  for (const name of TABS) {
    byId(`tab-${name}`).addEventListener("click", () => show(name));
    byId(`tab-${name}`).addEventListener("keydown", (event) => move(event, name));
  }
  const asked = () => (TABS.includes(location.hash.slice(1)) ? location.hash.slice(1) : "one");
  addEventListener("hashchange", () => show(asked()));
  show(asked());
}

async function changeLanguage(language) {
  localStorage.setItem("language", language);
  await choose(language);
  for (const tab of Object.values(tabs)) tab.render();
  tell();
}

/** What is written here and not by the tabs. */
function tell() {
  for (const element of document.querySelectorAll("[data-language]")) {
    element.setAttribute("aria-pressed", String(languageTag().startsWith(element.dataset.language)));
  }
  if (!server.model) return;
  const { arch, criterion, licence } = server.model;
  const parts = [say("about", { arch, criterion })];
  if (licence) parts.push(say("about.license", { license: licence }));
  byId("about").textContent = parts.join(" · ");
}

function theme() {
  const root = document.documentElement;
  const tellState = themeButton();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => {
    if (localStorage.getItem("theme")) return;
    root.dataset.theme = event.matches ? "dark" : "light";
    tellState();
  });
}

function show(name, focus = false) {
  front = name;
  for (const other of TABS) {
    const tab = byId(`tab-${other}`);
    tab.setAttribute("aria-selected", String(other === name));
    tab.tabIndex = other === name ? 0 : -1;
    byId(other).hidden = other !== name;
  }
  if (location.hash.slice(1) !== name) history.replaceState(null, "", `#${name}`);
  if (focus) byId(`tab-${name}`).focus();
}

function move(event, name) {
  const at = TABS.indexOf(name);
  const to = {
    ArrowRight: at + 1, ArrowLeft: at - 1 + TABS.length, Home: 0, End: TABS.length - 1,
  }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  show(TABS[to % TABS.length], true);
}

/** The key that the visitor gives, or null. Several requests may ask at once; there is one question. */
let question = null;
function askForKey(wrong) {
  question ??= new Promise((resolve) => {
    const dialog = byId("key");
    const field = byId("key-field");
    byId("key-wrong").hidden = !wrong;
    const end = (value) => {
      question = null;
      dialog.close();
      resolve(value);
    };
    dialog.querySelector("form").onsubmit = (event) => {
      event.preventDefault();
      end(field.value.trim());
    };
    dialog.querySelector(".plain").onclick = () => end(null);
    dialog.oncancel = () => end(null);
    dialog.showModal();
    field.value = "";
    field.focus();
  });
  return question;
}

main();
