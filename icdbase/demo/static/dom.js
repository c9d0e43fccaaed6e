// Nodes and figures, as every part of the page makes them.

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node[name] = value;
    else if (name.startsWith("--")) node.style.setProperty(name, value);
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter(child => child !== null && child !== undefined && child !== ""));
  return node;
}

export const signed = value => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(2);
export const percent = p => (p > 0.994 && p < 1 ? ">99 %" : p < 0.005 && p > 0 ? "<1 %" : `${Math.round(100 * p)} %`);
export const zh = (tag, text, more = {}) => el(tag, { lang: "zh-CN", ...more }, text);
export const reader = text => el("span", { class: "sr" }, text);
