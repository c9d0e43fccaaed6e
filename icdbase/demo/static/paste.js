// A record of one's own: pasted whole, or field by field; kept in this tab until it is closed.

import { el } from "./dom.js";

const $ = id => document.getElementById(id);
const NAME = "icdbase-typed";
const TABS = ["text", "fields"];

function chooseTab(chosen) {
  for (const name of TABS) {
    $(`tab-${name}`).setAttribute("aria-selected", name === chosen);
    $(`tab-${name}`).tabIndex = name === chosen ? 0 : -1;
    $(`pane-${name}`).hidden = name !== chosen;
  }
}

const boxes = () => [...$("paste-form").querySelectorAll("textarea")];

function keep() {
  try { sessionStorage.setItem(NAME, JSON.stringify(Object.fromEntries(boxes().map(box => [box.id, box.value])))); } catch { /* a browser may forbid it */ }
}

function recall() {
  try {
    const typed = JSON.parse(sessionStorage.getItem(NAME)) ?? {};
    boxes().forEach(box => { box.value = typed[box.id] ?? ""; });
  } catch { /* likewise */ }
}

export function written(fields) {
  if ($("tab-text").getAttribute("aria-selected") === "true") return { text: $("text").value };
  return { record: Object.fromEntries(fields.map(field => [field, $(`write-${field}`).value])) };
}

export function preparePaste(fields, read) {
  $("pane-fields").replaceChildren(...fields.map(field => el("label", { class: "write" },
    el("span", { lang: "zh-CN" }, field),
    el("textarea", { id: `write-${field}`, rows: 2, spellcheck: "false", autocomplete: "off", lang: "zh-CN" }))));
  recall();
  $("paste-form").oninput = keep;
  $("forget").onclick = () => { $("paste-form").reset(); sessionStorage.removeItem(NAME); $("paste-problem").hidden = true; };
  $("open-paste").onclick = () => $("dialog").showModal();
  $("dialog").onclose = () => { $("paste-problem").hidden = true; };
  $("read").onclick = async () => {
    try {
      await read();
    } catch (error) {
      $("paste-problem").textContent = error.message;
      $("paste-problem").hidden = false;
    }
  };
  for (const name of TABS) {
    $(`tab-${name}`).onclick = () => chooseTab(name);
    $(`tab-${name}`).onkeydown = event => {
      if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
      const other = TABS.find(one => one !== name);
      chooseTab(other);
      $(`tab-${other}`).focus();
    };
  }
}
