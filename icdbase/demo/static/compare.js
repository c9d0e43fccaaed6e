// Two settings as one list: a row for each code, with a dot for each setting.

import { el, percent, reader, zh } from "./dom.js";
import {
  codeButton, coderKey, describe, differences, drawChanges, drawTick, drawUnlike, isPinned, LETTERS, missedMark, modelChoice, targetTitle,
} from "./view.js";
import { drawWhy } from "./why.js";
import { WORDS } from "./words.js";

export function drawComparison(state, actions) {
  const words = WORDS[state.language], { results } = state;
  const head = panel => el("div", { class: "setting", "aria-label": `${words.setting} ${LETTERS[panel]}`, role: "group" },
    el("header", {}, letter(panel), modelChoice(state, actions, panel), el("span", { class: "spent" }, words.milliseconds(Math.round(results[panel].milliseconds)))),
    el("p", { class: "about" }, describe(state, state.settings[panel])), drawUnlike(words, results[panel]));
  return el("article", { class: `panel both${results.some(result => result.unlike) ? " guess" : ""}`, "aria-label": words.compare },
    el("div", { class: "settings" }, head(0), head(1)), drawChanges(words, differences(state, 1), words.against_A),
    el("p", { class: "about dots" }, el("i", { class: "dot A chosen" }), words.inSetting("A"), el("i", { class: "dot B chosen" }), words.inSetting("B"), el("i", { class: "dot" }), words.notChosen),
    state.about.targets.map(target => drawTarget(state, actions, target)), coderKey(state));
}

const letter = panel => el("span", { class: `letter ${LETTERS[panel]}` }, LETTERS[panel]);

function rows(state, target) {
  // Codes of either answer, the most probable first; of a code that one answer does not explain, its probability at least.
  const both = new Map();
  state.results.forEach((result, panel) => result.codes.filter(code => code.target === target.name).forEach(code => {
    if (!both.has(code.code)) both.set(code.code, { code: code.code, name: code.name, found: [null, null] });
    both.get(code.code).found[panel] = code;
  }));
  const all = [...both.values()].map(one => ({ ...one, p: state.results.map(result => result.probabilities[target.name][one.code] ?? 0) }));
  return all.sort((a, b) => Math.max(...b.p) - Math.max(...a.p));
}

function drawTarget(state, actions, target) {
  const words = WORDS[state.language], truth = state.record.truth[target.name], all = rows(state, target);
  const isChosen = one => one.found.some(code => code?.predicted);
  const chosen = all.filter(isChosen), near = all.filter(one => !isChosen(one));
  const row = one => drawRow(state, actions, target, one, truth);
  return el("section", { class: target.single ? "target single" : "target" },
    el("h3", {}, targetTitle(state, target)), el("ul", { class: "rows" }, chosen.map(row)),
    near.length ? el("details", { class: "nearly", open: state.nearlyOpen, ontoggle: event => { state.nearlyOpen = event.target.open; } },
      el("summary", { "data-key": `nearly ${target.name}` }, words.nearly, el("span", { class: "count" }, String(near.length)), missedMark(near, truth, words)),
      el("ul", { class: "rows near" }, near.map(row))) : null);
}

function drawRow(state, actions, target, one, truth) {
  const words = WORDS[state.language], predicted = one.found.map(code => Boolean(code?.predicted));
  const first = state.pinned && isPinned(state, { target: target.name, code: one.code }) ? state.pinned.panel : one.found[0] ? 0 : 1;
  const key = { panel: first, target: target.name, code: one.code }, pinned = isPinned(state, key);
  const differs = predicted[0] !== predicted[1];
  const figure = panel => el("span", { class: `p ${LETTERS[panel]}` }, reader(`${LETTERS[panel]}: `), percent(one.p[panel]), reader(predicted[panel] ? "" : ` ${words.notChosen}`));
  const inside = [
    el("span", { class: "code" }, one.code || words.noCodes), " ", zh("span", one.name, { class: "name" }), " ",
    drawTick(words, truth, one.code, predicted.some(Boolean)), figure(0), figure(1),
    el("span", { class: "track", "aria-hidden": "true", "--low": Math.min(...one.p), "--high": Math.max(...one.p) },
      [0, 1].map(panel => el("i", { class: `dot ${LETTERS[panel]}${predicted[panel] ? " chosen" : ""}`, "--p": one.p[panel] }))),
  ];
  const explained = one.found[first];
  return el("li", { class: `row${predicted.some(Boolean) ? " chosen" : ""}${differs ? " differs" : ""}${pinned ? " pinned" : ""}`, "data-code": one.code, "data-in": LETTERS.filter((_, panel) => predicted[panel]).join("") },
    codeButton(actions, key, pinned, inside),
    pinned && explained ? [whose(state, actions, key, one), drawWhy(state, actions, state.results[first], explained)] : null);
}

function whose(state, actions, key, one) {
  const words = WORDS[state.language];
  return el("p", { class: "whose" }, words.evidenceIn, " ", [0, 1].map(panel => el("button", {
    type: "button", class: "quiet", disabled: !one.found[panel], "aria-pressed": String(key.panel === panel), "data-key": `whose ${panel}`,
    onclick: () => actions.turn({ ...key, panel }),
  }, LETTERS[panel])));
}
