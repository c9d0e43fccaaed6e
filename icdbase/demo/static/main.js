// Actions of the page: choose a record, request codes, switch fields, compare.

import { edited, History, keepCaret } from "./edit.js";
import { preparePaste, written } from "./paste.js";
import { newQuiz } from "./quiz.js";
import { WORDS } from "./words.js";
import { announce, drawChooser, drawFields, drawPanels, drawSummary, drawWords, hidden, paint, scrollToSpan } from "./view.js";

const $ = id => document.getElementById(id);
const state = {
  about: null, record: null, language: "en", comparing: false,
  settings: [], // per panel: {model, off: Set of fields}
  results: [null, null], // answers of the server, per panel
  base: null, // panel A's model with all fields: the reference for changes
  pinned: null, hovered: null, // {panel, target, code}
  original: null, read: null, // the record before any edit, and the one that the results are of
  history: new History(),
  quiz: null, // votes for the main code, until they are revealed and after
};
const asking = [null, null, null]; // running requests, per panel and for the base

async function ask(what, body = {}, slot = null) {
  if (slot !== null) {
    asking[slot]?.abort();
    asking[slot] = new AbortController();
  }
  let answer;
  try {
    answer = await fetch(`api/${what}`, {
      method: "POST", headers: { "Content-Type": "application/json", "Accept-Language": state.language }, body: JSON.stringify(body),
      signal: slot === null ? undefined : asking[slot].signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error(WORDS[state.language].failed);
  }
  const result = await answer.json();
  if (!answer.ok) throw new Error(result.error);
  return result;
}

let busy = 0;

function guard(job) {
  return async (...given) => {
    document.body.dataset.busy = ++busy;
    try {
      $("problem").hidden = true;
      await job(...given);
    } catch (error) {
      if (error.name === "AbortError") return;
      $("problem").textContent = error.message;
      $("problem").hidden = false;
    } finally {
      if (--busy === 0) delete document.body.dataset.busy;
    }
  };
}

const shown = () => (state.comparing ? [0, 1] : [0]);

function request(setting, off, record, quick = false) {
  return { model: setting.model, record: record.texts, fields: state.about.fields.filter(field => !off.has(field)), quick };
}

async function predict(panels, quick = false) {
  const first = state.settings[0], record = state.record;
  const results = [...state.results];
  const jobs = panels.map(async panel => {
    results[panel] = await ask("predict", request(state.settings[panel], state.settings[panel].off, record, quick), panel);
  });
  if ((first.off.size || record.edited) && state.base?.model !== first.model) {
    jobs.push(ask("predict", request(first, new Set(), state.original), 2).then(told => { state.base = { ...told, model: first.model }; }));
  }
  await Promise.all(jobs);
  if (record !== state.record) return; // edited meanwhile
  state.results = results;
  state.read = record;
  if (!first.off.size && !record.edited) state.base = { ...state.results[0], model: first.model };
  pinSomething();
  draw();
  announce(state);
}

function pinSomething() {
  const there = state.pinned && shown().includes(state.pinned.panel) && find(state.pinned);
  if ((there && state.chosen) || state.unpinned) return;
  const main = state.results[0].codes.find(code => code.predicted && code.code);
  state.pinned = main ? { panel: 0, target: main.target, code: main.code } : null;
}

function find(key) {
  return key && state.results[key.panel]?.codes.find(code => code.code === key.code && code.target === key.target);
}

function paintPinned() {
  paint(state, hidden(state) ? null : find(state.hovered) || find(state.pinned));
}

function draw() {
  drawPanels(state, actions);
  if (!state.composing) {
    keepCaret(() => {
      drawFields(state, actions);
      paintPinned();
    });
  }
  $("undo").hidden = !state.history.length;
  drawSummary(state);
}

// --- editing in place -------------------------------------------------------------------

const PAUSE = 80, REST = 700; // milliseconds without a key before the codes, and before the evidence is tested
let pause = 0, rest = 0;

function reread() {
  drawChooser(state);
  clearTimeout(pause);
  clearTimeout(rest);
  document.body.dataset.typing = "1";
  pause = setTimeout(async () => {
    delete document.body.dataset.typing;
    await guard(predict)(shown(), true);
    rest = setTimeout(() => guard(predict)(shown()), REST);
  }, PAUSE);
}

function undo() {
  const before = state.history.undo();
  if (!before) return;
  state.record = before;
  keepCaret(() => drawFields(state, actions));
  reread();
}

const actions = {
  pin(key) {
    const same = state.pinned && state.pinned.code === key.code && state.pinned.target === key.target;
    state.pinned = same ? null : key;
    state.unpinned = same;
    state.chosen = !same; // until then the main code's evidence is shown, whichever it is
    state.hovered = null;
    draw();
  },
  edit(field, text) {
    if (text === state.record.texts[field]) return;
    state.history.add(state.record, field, performance.now());
    state.record = edited(state.record, field, text);
    if (state.original.texts[field] === text && state.about.fields.every(name => state.record.texts[name] === state.original.texts[name])) {
      state.record = { ...state.original };
    }
    reread();
  },
  compose(on) { state.composing = on; },
  undo: () => undo(),
  hover(key) {
    state.hovered = key;
    if (state.read !== state.record || state.composing) return;
    paintPinned();
  },
  turn(key) {
    Object.assign(state, { pinned: key, chosen: true, hovered: null });
    draw();
  },
  vote(code, more) {
    state.quiz.votes.set(code, Math.max(0, (state.quiz.votes.get(code) ?? 0) + more));
    draw();
  },
  reveal() {
    state.quiz.revealed = true;
    draw();
    announce(state);
    $("codes").focus();
  },
  retrained(model) {
    state.settings[1] = { model, off: new Set() };
    if (state.comparing) guard(predict)(shown());
    else compare();
  },
  toggle: guard(async (panel, field) => {
    const off = state.settings[panel].off;
    if (!off.delete(field)) off.add(field);
    drawFields(state, actions);
    if (state.read === state.record) paintPinned();
    await predict([panel]);
  }),
  model: guard(async (panel, model) => {
    state.settings[panel].model = model;
    await predict([panel]);
  }),
  goTo: (field, start) => scrollToSpan(field, start),
};

async function show(record) {
  state.record = state.original = record;
  state.history.forget();
  clearTimeout(pause);
  clearTimeout(rest);
  state.base = state.pinned = state.hovered = null;
  state.unpinned = state.chosen = false;
  if (state.quiz) state.quiz = newQuiz();
  history.replaceState(null, "", record.number === undefined ? location.pathname : `#${record.number}`);
  drawChooser(state);
  await predict(shown());
}

const number = guard(async wanted => show(await ask("record", { number: wanted })));

function random() {
  number(Math.floor(Math.random() * state.about.n_records));
}

function allOn() {
  state.settings.forEach(setting => setting.off.clear());
  guard(predict)(shown());
}

function compare() {
  state.comparing = !state.comparing;
  if (!state.record) return;
  document.body.classList.toggle("comparing", state.comparing);
  $("compare").setAttribute("aria-pressed", state.comparing);
  if (state.pinned?.panel === 1) state.pinned = null;
  guard(predict)(shown());
}

function quiz() {
  state.quiz = state.quiz ? null : newQuiz();
  $("quiz").setAttribute("aria-pressed", Boolean(state.quiz));
  if (state.results[0]) draw();
}

// --- words, light and dark --------------------------------------------------------------

function speak(language) {
  state.language = language;
  remember("language", language);
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  drawWords(state);
  if (state.results[0]) {
    drawChooser(state);
    draw();
  }
}

function turnTheme() {
  const dark = document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "light" : "dark";
  remember("theme", document.documentElement.dataset.theme);
}

function remember(name, value) {
  try { localStorage.setItem(`icdbase-${name}`, value); } catch { /* a browser may forbid it */ }
}

function remembered(name) {
  try { return localStorage.getItem(`icdbase-${name}`); } catch { return null; }
}

// --- the start --------------------------------------------------------------------------

async function readPasted() {
  const record = await ask("record", written(state.about.fields));
  $("dialog").close();
  await guard(show)(record);
}

function listen() {
  $("language").onclick = () => speak(state.language === "en" ? "zh" : "en");
  $("theme").onclick = turnTheme;
  $("random").onclick = random;
  $("compare").onclick = compare;
  $("all-on").onclick = allOn;
  $("undo").onclick = undo;
  $("examples").onchange = event => number(Number(event.target.value));
  $("quiz").onclick = quiz;
  $("summary").onclick = () => {
    $("codes").scrollIntoView();
    $("codes").focus({ preventScroll: true });
  };
  new IntersectionObserver(([seen]) => $("summary").classList.toggle("needed", !seen.isIntersecting)).observe($("codes"));
  addEventListener("keydown", event => {
    if (event.key === "Escape" && state.pinned && !$("dialog").open) actions.pin(state.pinned);
  });
}

async function start() {
  const theme = remembered("theme");
  if (theme) document.documentElement.dataset.theme = theme;
  state.language = remembered("language") || (navigator.language.startsWith("zh") ? "zh" : "en");
  speak(state.language);
  listen();
  state.about = await ask("about");
  const models = state.about.models.map(model => model.name);
  preparePaste(state.about.fields, readPasted);
  state.settings = [models[0], models[1] ?? models[0]].map(model => ({ model, off: new Set() }));
  const asked = /^#\d+$/.test(location.hash) ? Number(location.hash.slice(1)) : state.about.first;
  addEventListener("hashchange", () => { if (/^#\d+$/.test(location.hash)) number(Number(location.hash.slice(1))); });
  if (state.about.examples.length) await show(await ask("record", { number: asked }));
  else $("dialog").showModal(); // a task of one's own: nothing synthetic fits
  document.body.dataset.ready = "1";
}

guard(start)();
