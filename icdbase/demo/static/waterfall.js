// How a code adds up: from the start, field by field, to the margin and the probability.

import { el, percent, signed } from "./dom.js";

export function steps(words, code) {
  const kinds = ["absent", "context", "limit"].map(kind => [words[kind], code.unplaced[kind], null]);
  const fields = Object.entries(code.by_field).sort((a, b) => Math.abs(b[1]) - Math.abs(a[1])).map(([field, value]) => [field, value, "zh-CN"]);
  const all = [[words.bias, code.unplaced.bias ?? 0, null], ...fields, ...kinds].filter(([, value]) => value !== undefined);
  let at = 0;
  return all.map(([name, value, lang], place) => {
    const from = at;
    at += value;
    return { name, lang, value, from, to: at, shown: place === 0 || Math.abs(value) >= 0.005 };
  });
}

export function limits(codes) {
  // The least and the greatest point that any of the codes reaches: one scale for all.
  const ends = codes.flatMap(code => [0, code.margin, ...steps({}, code).map(part => part.to)]);
  const low = Math.min(...ends);
  return { low, wide: Math.max(...ends) - low || 1 };
}

export function drawWaterfall(words, code, { low, wide }) {
  const parts = steps(words, code).filter(part => part.shown);
  const share = value => (value - low) / wide;
  const bar = (from, to, kind) => el("span", { class: `fall ${kind}`, "--a": share(Math.min(from, to)), "--b": share(Math.max(from, to)), "--zero": share(0), "aria-hidden": "true" });
  const row = (name, lang, value, figure, from, to, kind) => el("div", { class: kind },
    el("dt", { lang }, name), el("dd", {}, bar(from, to, value < 0 ? "minus" : "plus"), el("b", {}, figure)));
  return el("div", { class: "sum" }, el("h4", {}, words.sum), el("dl", {},
    parts.map(part => row(part.name, part.lang, part.value, signed(part.value), part.from, part.to, "part")),
    row(words.total, null, code.margin, signed(code.margin), 0, code.margin, "total"),
    el("div", { class: "probability" }, el("dt", {}, words.probability), el("dd", {}, el("b", {}, percent(code.probability))))));
}
