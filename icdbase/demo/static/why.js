// Why a code: its evidence as a list, and how it adds up.

import { el, signed, zh } from "./dom.js";
import { drawWaterfall, limits } from "./waterfall.js";
import { WORDS } from "./words.js";

export const LEAST = 0.1; // spans weaker than this share of the strongest are left out
const N_FOR = 5, N_AGAINST = 3;
const HEAD = 24; // characters of a finding that are shown

const cut = new WeakMap(); // texts as characters, once a record: Python counts code points, JavaScript halves of them

export function characters(record, field) {
  if (!cut.has(record)) cut.set(record, {});
  return (cut.get(record)[field] ??= Array.from(record.texts[field] ?? ""));
}

const scales = new WeakMap(); // of all codes of an answer, so that bars of different codes can be compared

function scale(record, result) {
  if (!scales.has(result)) {
    const sums = result.codes.flatMap(code => grouped(record, code).map(group => Math.abs(group.sum)));
    scales.set(result, { most: Math.max(...sums, 1e-9), ...limits(result.codes) });
  }
  return scales.get(result);
}

export function drawWhy(state, actions, result, code) {
  const words = WORDS[state.language], record = state.read ?? state.record;
  const groups = grouped(record, code), shared = scale(record, result);
  const most = Math.max(...groups.map(group => Math.abs(group.sum)), 1e-9);
  const snippet = group => el("li", {}, el("button", {
    type: "button", class: `snippet ${group.sum > 0 ? "for" : "against"}`, "--w": Math.abs(group.sum) / shared.most,
    "data-key": `snippet ${group.key}`, onclick: () => actions.goTo(group.field, group.start),
  }, el("b", {}, signed(group.sum)), zh("span", group.field, { class: "where" }), zh(group.negated ? "del" : "span", group.text, { class: "words" }),
  group.times > 1 ? words.times(group.times) : null,
  group.without ? el("small", { class: "without" }, words.without(Math.max(group.without[0] * 100, 0.1).toFixed(1), group.without[1])) : null,
  group.listed ? el("small", { class: "without" }, words.listed) : null));
  const list = (title, chosen) => chosen.length ? [el("h4", {}, title), el("ul", {}, chosen.map(snippet))] : [];
  const forIt = groups.filter(group => group.sum > LEAST * most || group.without).sort((a, b) => Boolean(b.without) - Boolean(a.without)).slice(0, N_FOR);
  const against = groups.filter(group => group.sum < -LEAST * most).slice(0, N_AGAINST);
  return el("div", { class: "why" },
    forIt.length || against.length ? null : el("p", {}, words.nothing),
    list(words.speaksFor, forIt), list(words.speaksAgainst, against), doctors(words, groups, LEAST * most), drawWaterfall(words, code, shared));
}

function doctors(words, groups, least) {
  const listed = groups.filter(group => group.listed), sum = listed.reduce((total, group) => total + group.sum, 0);
  return Math.abs(sum) > least ? el("p", { class: "doctors" }, words.doctors(signed(sum))) : null;
}

function grouped(record, code) {
  const groups = new Map();
  for (const [field, start, end, value, status, listed] of code.spans) {
    const text = characters(record, field).slice(start, end).join("");
    const key = `${field} ${status === "negated"} ${text}`;
    const group = groups.get(key) ?? { key, field, start, text: text.length > HEAD + 2 ? `${text.slice(0, HEAD)}…` : text, negated: status === "negated", listed, sum: 0, times: 0 };
    group.sum += value;
    group.times += 1;
    group.start = Math.min(group.start, start);
    if (code.first && code.first[0] === field && code.first[1] === start && code.first[2] === end) group.without = code.first.slice(3);
    groups.set(key, group);
  }
  return [...groups.values()].sort((a, b) => Math.abs(b.sum) - Math.abs(a.sum));
}
