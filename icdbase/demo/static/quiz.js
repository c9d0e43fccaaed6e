// A class votes for the main code before the page shows what the model and the coder chose.

import { el, percent, zh } from "./dom.js";
import { WORDS } from "./words.js";

const N_CANDIDATES = 5;

export function newQuiz() {
  return { votes: new Map(), revealed: false };
}

function candidates(state) {
  // In the order of their codes, which says nothing about the answer.
  const target = state.about.targets.find(one => one.single), result = state.results[0];
  const explained = new Map(result.codes.filter(code => code.target === target?.name).map(code => [code.code, code.name]));
  return [...explained].slice(0, N_CANDIDATES).map(([code, name]) => ({ code, name, target: target.name })).sort((a, b) => (a.code < b.code ? -1 : 1));
}

export function drawQuiz(state, actions) {
  const words = WORDS[state.language], { votes } = state.quiz;
  const row = one => el("li", { class: "vote" }, el("span", { class: "code" }, one.code || words.noCodes), zh("span", one.name, { class: "name" }),
    el("output", {}, String(votes.get(one.code) ?? 0)),
    button("−", words.voteLess(one.code), () => actions.vote(one.code, -1)), button("+", words.voteMore(one.code), () => actions.vote(one.code, 1)));
  const button = (sign, label, onclick) => el("button", { type: "button", "aria-label": label, "data-key": label, onclick }, sign);
  return el("article", { class: "panel quiz", "aria-label": words.quiz },
    el("h3", {}, words.quizQuestion), el("p", { class: "about" }, words.quizHint), el("ul", {}, candidates(state).map(row)),
    el("button", { type: "button", class: "primary", id: "reveal", "data-key": "reveal", onclick: actions.reveal }, words.reveal));
}

export function drawVotes(state) {
  const words = WORDS[state.language], { votes } = state.quiz, total = [...votes.values()].reduce((sum, n) => sum + n, 0);
  const p = one => state.results[0].probabilities[one.target][one.code] ?? 0;
  const row = one => el("tr", {}, el("th", { scope: "row" }, one.code || words.noCodes, " ", zh("span", one.name)),
    el("td", {}, total ? percent((votes.get(one.code) ?? 0) / total) : "–"), el("td", {}, percent(p(one))),
    el("td", {}, state.record.truth[one.target]?.includes(one.code) ? "✓" : ""));
  const headings = ["", words.ofVotes(total), words.ofModel, words.ofCoder].map(text => el(text ? "th" : "td", { scope: text ? "col" : null }, text));
  return el("table", { class: "votes" }, el("thead", {}, el("tr", {}, headings)), el("tbody", {}, candidates(state).map(row)));
}
