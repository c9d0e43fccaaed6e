// The view: codes with their probabilities, fields with their evidence.

import { drawComparison } from "./compare.js";
import { el, percent, reader, signed, zh } from "./dom.js";
import { drawQuiz, drawVotes } from "./quiz.js";
import { characters, drawWhy, LEAST } from "./why.js";
import { ENGLISH, WORDS } from "./words.js";

const $ = id => document.getElementById(id);
export const LETTERS = ["A", "B"];

export function drawWords(state) {
  const words = WORDS[state.language];
  document.querySelectorAll("[data-t]").forEach(node => { node.textContent = words[node.dataset.t]; });
  document.querySelectorAll("[data-label]").forEach(node => node.setAttribute("aria-label", words[node.dataset.label]));
  $("language").textContent = words.language;
  $("language").lang = words.otherLanguage;
  $("examples").setAttribute("aria-label", words.examples);
}

export function drawChooser(state) {
  const { about, record } = state, words = WORDS[state.language];
  const option = one => el("option", { value: one.number }, one.shows ? `${words.shows[one.shows]} (${one.says})` : `${one.number + 1}. ${one.says}`);
  const curated = about.examples.filter(one => one.shows), numbered = about.examples.filter(one => !one.shows);
  const listed = curated.length ? [el("optgroup", { label: words.curated }, curated.map(option)), el("optgroup", { label: words.examples }, numbered.map(option))] : numbered.map(option);
  const length = Object.values(record.texts).reduce((sum, text) => sum + Array.from(text).length, 0);
  if (record.number === undefined) listed.unshift(el("option", { value: "", disabled: true }, words.pasted));
  else if (!about.examples.some(one => one.number === record.number)) {
    listed.unshift(el("option", { value: record.number }, `${record.number + 1}. ${record.texts[about.fields[0]]}`));
  }
  $("examples").replaceChildren(...listed);
  $("examples").value = record.number ?? "";
  $("version").textContent = `icdbase ${about.version}`;
  const kind = `${record.number === undefined ? words.pasted : words.synthetic}${record.edited ? words.edited : ""}`;
  const learned = about.models.every(model => model.synthetic) ? ` ${words.learned}` : "";
  document.querySelector(".notice span").textContent = record.number === undefined
    ? `${words.pasted}.${learned} ${words.caution}` : `synthetic records / 模拟病历. ${words.caution}`;
  $("record-title").replaceChildren(kind, el("small", {}, [record.id, `${length.toLocaleString("en")} ${words.characters}`].filter(Boolean).join(" · ")));
}

// --- codes ------------------------------------------------------------------------------

function keepFocus(draw) {
  const key = document.activeElement?.dataset?.key;
  draw();
  if (key) document.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

export const hidden = state => Boolean(state.quiz && !state.quiz.revealed); // nothing may give the code away

export function drawPanels(state, actions) {
  const before = new Map();
  document.querySelectorAll(".bar").forEach(bar => before.set(bar.dataset.bar, bar.style.getPropertyValue("--p")));
  const drawn = hidden(state) ? drawQuiz(state, actions) : state.comparing ? drawComparison(state, actions) : drawPanel(state, actions);
  keepFocus(() => $("panels").replaceChildren(drawn));
  const bars = [...document.querySelectorAll(".bar")].map(bar => [bar, bar.style.getPropertyValue("--p")]);
  for (const [bar] of bars) if (before.has(bar.dataset.bar)) bar.style.setProperty("--p", before.get(bar.dataset.bar));
  $("panels").getBoundingClientRect(); // lay the old lengths out, so that the new ones are reached in motion
  for (const [bar, p] of bars) bar.style.setProperty("--p", p);
}

export function differences(state, panel) {
  const base = panel === 0 ? state.base : state.results[0];
  const key = code => `${code.target} ${code.code}`;
  const now = new Set(state.results[panel].codes.filter(code => code.predicted).map(key));
  const then = new Set(base.codes.filter(code => code.predicted).map(key));
  const added = new Set([...now].filter(code => !then.has(code)));
  const removed = base.codes.filter(code => code.predicted && !now.has(key(code)));
  return { added, removed, isAdded: code => added.has(key(code)), isRemoved: code => then.has(key(code)) && !now.has(key(code)) };
}

function drawPanel(state, actions) {
  const { about, settings, results } = state, words = WORDS[state.language];
  const setting = settings[0], result = results[0], change = differences(state, 0);
  const changed = setting.off.size || state.record.edited;
  return el("article", { class: `panel${result.unlike ? " guess" : ""}`, "aria-label": words.codes },
    state.quiz ? drawVotes(state) : null,
    el("header", {}, modelChoice(state, actions, 0), el("span", { class: "spent" }, words.milliseconds(Math.round(result.milliseconds)))),
    el("p", { class: "about" }, describe(state, setting)), drawUnlike(words, result),
    changed ? drawChanges(words, change, state.record.edited ? words.against_original : words.against_all) : null,
    about.targets.map(target => drawTarget(state, actions, target, result, change)), coderKey(state));
}

export const drawUnlike = (words, result) => (result.unlike ? el("p", { class: "unlike" }, words.unlike(words.reasons[result.unlike])) : null);

export const coderKey = state => (Object.keys(state.record.truth).length
  ? el("p", { class: "about key" }, el("span", { class: "tick" }, "✓"), ` ${WORDS[state.language].right}`) : null);

export function drawChanges(words, change, against) {
  const [plus, minus] = [change.added.size, change.removed.length];
  return el("p", { class: `changes ${plus || minus ? "some" : ""}` },
    el("b", {}, plus || minus ? `+${plus}  −${minus}` : "=", reader(plus || minus ? words.differs(plus, minus) : words.same)),
    ` ${plus || minus ? "" : words.same + " · "}${against}`);
}

export const targetTitle = (state, target) => (state.language === "en" && ENGLISH[target.name]
  ? [`${ENGLISH[target.name]} `, zh("small", target.name)] : [zh("span", target.name)]);

export const modelOf = (state, panel) => state.about.models.find(one => one.name === state.settings[panel].model);

export function describe(state, setting) {
  const { about } = state, words = WORDS[state.language];
  const model = about.models.find(one => one.name === setting.model);
  const nOn = model.fields.filter(field => !setting.off.has(field)).length;
  const said = [["plain", "default"].includes(model.name) && words[model.name], model.about && words.trained(model.about, model.synthetic)].filter(part => typeof part === "string" && part);
  return [...said, nOn === about.fields.length ? words.allFields : words.ofFields(nOn, about.fields.length)].join(" · ");
}

export function modelChoice(state, actions, panel) {
  const words = WORDS[state.language], label = `${words.model}${state.comparing ? " " + LETTERS[panel] : ""}`;
  const chosen = state.settings[panel].model;
  if (state.about.models.length === 1) return el("span", { class: "model" }, chosen);
  return el("div", { class: "select small" }, el("select", {
    "aria-label": label, "data-key": `model ${panel}`, onchange: event => actions.model(panel, event.target.value),
  }, state.about.models.map(({ name }) => el("option", { value: name, selected: name === chosen }, name))));
}

function drawTarget(state, actions, target, result, change) {
  const words = WORDS[state.language];
  const codes = result.codes.filter(code => code.target === target.name).sort((a, b) => b.probability - a.probability);
  const truth = state.record.truth[target.name];
  const row = code => drawRow(state, actions, code, change, truth);
  const chosen = codes.filter(code => code.predicted || change.isRemoved(code));
  const known = new Set(codes.map(code => code.code));
  const gone = change.removed.filter(code => code.target === target.name && !known.has(code.code)).map(code => ({ ...code, gone: true }));
  const near = codes.filter(code => !code.predicted && !change.isRemoved(code));
  const count = codes.filter(code => code.predicted).length;
  return el("section", { class: target.single ? "target single" : "target" },
    el("h3", {}, targetTitle(state, target), target.single ? null : el("span", { class: "count" }, String(count))),
    chosen.length || gone.length ? el("ul", { class: "rows" }, [...chosen, ...gone].map(row)) : el("p", { class: "about" }, words.noCodes),
    target.single
      ? el("ul", { class: "rows near" }, near.map(row))
      : near.length ? el("details", { class: "nearly", open: state.nearlyOpen, ontoggle: event => { state.nearlyOpen = event.target.open; } },
        el("summary", { "data-key": `nearly ${target.name}` }, words.nearly, el("span", { class: "count" }, String(near.length)), missedMark(near, truth, words)),
        el("ul", { class: "rows near" }, near.map(row))) : null);
}

export function missedMark(near, truth, words) {
  const missed = truth ? near.filter(code => truth.includes(code.code)).length : 0;
  return missed ? el("span", { class: "missed" }, `✓ ${missed}`, reader(words.missed)) : null;
}

export function drawTick(words, truth, code, predicted) {
  const agreed = truth?.includes(code);
  if (!truth || !(agreed || predicted)) return null;
  const means = agreed ? (predicted ? words.right : words.missed) : words.wrong;
  return el("span", { class: agreed ? "tick" : "tick wrong", title: means }, agreed ? "✓" : "·", reader(means));
}

function drawRow(state, actions, code, change, truth) {
  const words = WORDS[state.language], key = { panel: 0, target: code.target, code: code.code };
  const pinned = isPinned(state, key), removed = change.isRemoved(code), added = change.isAdded(code);
  const sign = added ? ["+", words.added] : removed ? ["−", words.removed] : null;
  const inside = [
    sign ? el("span", { class: "sign", "aria-hidden": "true" }, sign[0]) : null,
    el("span", { class: "code" }, code.code || words.noCodes), " ", zh(removed ? "del" : "span", code.name, { class: "name" }), " ",
    sign ? reader(sign[1]) : null, drawTick(words, truth, code.code, code.predicted && !removed),
    code.gone ? null : el("span", { class: "p" }, percent(code.probability)),
    code.gone ? null : el("span", { class: "bar", "data-bar": `${code.target} ${code.code}`, "--p": code.probability, "aria-hidden": "true" }),
  ];
  const button = code.gone ? el("span", { class: "line" }, inside) : codeButton(actions, key, pinned, inside);
  const kind = `row ${code.predicted && !code.gone ? "chosen" : ""} ${added ? "added" : ""} ${removed || code.gone ? "removed" : ""} ${pinned ? "pinned" : ""}`;
  return el("li", { class: kind, "data-code": code.code }, button, pinned ? drawWhy(state, actions, state.results[0], code) : null);
}

export const isPinned = (state, key) => state.pinned?.code === key.code && state.pinned.target === key.target;

export function codeButton(actions, key, pinned, inside) {
  return el("button", {
    type: "button", class: "line", "aria-pressed": String(pinned), "aria-expanded": String(pinned), "data-key": `code ${key.target} ${key.code}`,
    onclick: () => actions.pin(key), onmouseenter: () => actions.hover(key), onmouseleave: () => actions.hover(null),
    onfocus: () => actions.hover(key), onblur: () => actions.hover(null), onkeydown: step,
  }, inside);
}

function step(event) {
  if (!["ArrowDown", "ArrowUp"].includes(event.key)) return;
  const lines = [...document.querySelectorAll("button.line")].filter(line => line.offsetParent);
  const next = lines[lines.indexOf(event.currentTarget) + (event.key === "ArrowDown" ? 1 : -1)];
  if (next) {
    event.preventDefault();
    next.focus();
  }
}

// --- fields -----------------------------------------------------------------------------

export function drawFields(state, actions) {
  const panels = state.comparing ? [0, 1] : [0];
  keepFocus(() => $("fields").replaceChildren(...state.about.fields.map(field => drawField(state, actions, panels, field))));
  $("all-on").hidden = $("blanked").hidden = !panels.some(panel => state.settings[panel].off.size);
  drawBlanked(state, actions, panels.find(panel => state.settings[panel].off.size));
}

function drawBlanked(state, actions, panel) {
  // What a model says that never saw the field: the model, if the page has one; else the command that trains it.
  if (panel === undefined) return $("blanked").replaceChildren();
  const words = WORDS[state.language], { off } = state.settings[panel];
  const left = state.about.fields.filter(field => !off.has(field)), known = fields => fields.filter(field => left.includes(field)).length;
  const trained = state.about.models.find(model => model.fields.length === left.length && known(model.fields) === left.length);
  $("blanked").replaceChildren(`${words.blanked} `,
    ...(trained ? [el("button", { type: "button", class: "quiet", onclick: () => actions.retrained(trained.name) }, words.retrained(trained.name))]
      : left.length ? [words.retrain, el("code", {}, `icdbase train --train FILE --fields ${left.join(",")} --model models/fewer`)] : []));
}

const letterOf = (state, panel) => (state.comparing ? LETTERS[panel] : "");

function drawField(state, actions, panels, field) {
  const words = WORDS[state.language], text = state.record.texts[field];
  const off = panels.every(panel => state.settings[panel].off.has(field));
  const switches = panels.map(panel => {
    const on = !state.settings[panel].off.has(field), reads = modelOf(state, panel).fields.includes(field);
    if (!reads) return el("small", { class: "unread" }, letterOf(state, panel), words.unread);
    const letter = letterOf(state, panel);
    return el("button", {
      type: "button", role: "switch", class: `switch ${letter}`, "aria-checked": String(on), "data-key": `switch ${panel} ${field}`,
      "aria-label": `${words.useField}: ${field}${letter ? ` (${letter})` : ""}`, onclick: () => actions.toggle(panel, field),
    }, el("span", { class: "knob", "aria-hidden": "true" }, letter));
  });
  return el("article", { class: `field${off ? " off" : ""}${text ? "" : " empty"}`, "data-field": field },
    el("header", {}, el("h3", {}, zh("span", field), state.language === "en" && ENGLISH[field] ? el("small", {}, ENGLISH[field]) : null),
      el("span", { class: "share" }), panels.some(panel => state.settings[panel].off.has(field)) ? el("small", { class: "blanked" }, words.blankedShort) : null, switches),
    zh("p", text ?? "", {
      class: "text", "data-empty": words.empty, contenteditable: off ? null : "plaintext-only", role: "textbox", "aria-multiline": "true",
      "aria-label": `${words.editField}: ${field}`, "aria-readonly": off ? "true" : null, spellcheck: "false",
      oninput: event => { if (!event.isComposing) actions.edit(field, event.target.textContent); },
      oncompositionstart: () => actions.compose(true),
      oncompositionend: event => { actions.compose(false); actions.edit(field, event.target.textContent); },
      onkeydown: event => { if ((event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "z") { event.preventDefault(); actions.undo(); } },
    }));
}

export function paint(state, code) {
  const most = code ? Math.max(...segmentsOf(code.spans).map(part => Math.abs(part.value)), 1e-9) : 1;
  document.querySelectorAll(".field").forEach(node => {
    const field = node.dataset.field, letters = characters(state.record, field);
    if (!letters.length) return;
    const spans = code ? code.spans.filter(span => span[0] === field) : [];
    const total = spans.reduce((sum, span) => sum + span[3], 0);
    const share = node.querySelector(".share"), text = node.querySelector(".text");
    share.textContent = spans.length && Math.abs(total) >= 0.005 ? signed(total) : "";
    share.className = `share ${total < 0 ? "against" : "for"}`;
    const parts = [];
    let at = 0;
    for (const part of segmentsOf(spans)) {
      if (Math.abs(part.value) < LEAST * most) continue;
      if (part.start > at) parts.push(letters.slice(at, part.start).join(""));
      const words = letters.slice(part.start, part.end).join("");
      parts.push(el("mark", {
        class: part.value > 0 ? "for" : "against", "--w": Math.sqrt(Math.abs(part.value) / most), "data-start": part.start, title: signed(part.value),
      }, part.negated ? el("del", {}, words) : words));
      at = part.end;
    }
    text.replaceChildren(...parts, letters.slice(at).join(""));
  });
}

function segmentsOf(spans) {
  // Spans overlap (the name of a disease contains words): each piece of text lists the spans that cover it.
  const parts = [];
  for (const field of new Set(spans.map(span => span[0]))) {
    const here = spans.filter(span => span[0] === field);
    const edges = [...new Set(here.flatMap(span => [span[1], span[2]]))].sort((a, b) => a - b);
    for (let i = 0; i + 1 < edges.length; i++) {
      const over = here.filter(span => span[1] <= edges[i] && span[2] >= edges[i + 1]);
      if (!over.length) continue;
      const value = over.reduce((sum, span) => sum + span[3], 0);
      parts.push({ field, start: edges[i], end: edges[i + 1], value, negated: over.some(span => span[4] === "negated") });
    }
  }
  return parts;
}

export function scrollToSpan(field, start) {
  const node = document.querySelector(`.field[data-field="${CSS.escape(field)}"]`);
  const marks = [...node.querySelectorAll("mark")];
  const mark = marks.find(one => Number(one.dataset.start) >= start) ?? node;
  mark.scrollIntoView({ block: "center", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  mark.classList.remove("flash");
  mark.getBoundingClientRect(); // starts the animation anew
  mark.classList.add("flash");
}

// --- in words ---------------------------------------------------------------------------

export function announce(state) {
  const words = WORDS[state.language];
  if (hidden(state)) return;
  const parts = (state.comparing ? [0, 1] : [0]).map(panel => {
    const codes = state.results[panel].codes.filter(code => code.predicted);
    const change = differences(state, panel), some = change.added.size || change.removed.length;
    return `${state.comparing ? LETTERS[panel] + ": " : ""}${codes.map(code => `${code.code} ${code.name}`).join(", ")}. `
      + (some ? words.differs(change.added.size, change.removed.length) : "");
  });
  $("live").textContent = parts.join(" ");
}

export function drawSummary(state) {
  const words = WORDS[state.language], result = state.results[0], change = differences(state, 0);
  const singles = new Set(state.about.targets.filter(target => target.single).map(target => target.name));
  const main = hidden(state) ? null : result.codes.find(code => code.predicted && singles.has(code.target));
  const others = result.codes.filter(code => code.predicted && !singles.has(code.target)).length;
  $("summary").replaceChildren(el("span", { class: "back" }, "↑ ", words.back),
    ...(main ? [el("b", {}, main.code), zh("span", main.name), el("span", {}, percent(main.probability)), el("span", { class: "count" }, `+ ${others}`)] : []),
    main && (change.added.size || change.removed.length) ? el("span", { class: "changes some" }, `+${change.added.size} −${change.removed.length}`) : "");
}
