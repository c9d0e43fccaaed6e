// Editing a record in place: the caret stays while the page is drawn anew, and every burst of typing can be undone.

const BURST = 1500; // milliseconds: keystrokes closer than this are undone together

export class History {
  // Records as they were before each burst, the oldest first.
  constructor() { this.forget(); }
  forget() { this.steps = []; this.last = { field: null, at: 0 }; }
  get length() { return this.steps.length; }
  add(record, field, now) {
    const same = this.last.field === field && now - this.last.at < BURST && this.steps.length;
    if (!same) this.steps.push(record);
    this.last = { field, at: now };
  }
  undo() { this.last = { field: null, at: 0 }; return this.steps.pop(); }
}

export const edited = (record, field, text) => ({
  ...record, texts: { ...record.texts, [field]: text }, truth: {}, edited: true,
});

function offset(root, node, at) {
  const range = document.createRange();
  range.selectNodeContents(root);
  range.setEnd(node, at);
  return range.toString().length;
}

function place(root, at) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  let left = at, node = root;
  while (walker.nextNode()) {
    node = walker.currentNode;
    if (left <= node.length) return [node, left];
    left -= node.length;
  }
  return [node, node === root ? root.childNodes.length : node.length];
}

export function keepCaret(draw) {
  // Offsets count from the beginning of the field, so they outlive the nodes.
  const active = document.activeElement, field = active?.isContentEditable ? active.closest(".field")?.dataset.field : null;
  const selection = getSelection();
  const inside = field && selection.rangeCount && active.contains(selection.anchorNode) && active.contains(selection.focusNode);
  const ends = inside ? [offset(active, selection.anchorNode, selection.anchorOffset), offset(active, selection.focusNode, selection.focusOffset)] : null;
  draw();
  const now = field && document.querySelector(`.field[data-field="${CSS.escape(field)}"] .text`);
  if (!now) return;
  now.focus({ preventScroll: true });
  if (ends) selection.setBaseAndExtent(...place(now, ends[0]), ...place(now, ends[1]));
}
