// One row of the log as elements. What a job says becomes text nodes only; the server gives classes from a fixed list.

import { lasting } from "./app.js";

const GAP = 10; // seconds without a line that are worth a word

export function node(name, classes, ...inside) {
  const made = document.createElement(name);
  made.className = classes;
  made.append(...inside);
  return made;
}

export const counted = (n, what) => `${n.toLocaleString()} ${what}${n === 1 ? "" : "s"}`;
export const duration = (s) => (s < 60 ? `${s.toFixed(s < 1 ? 3 : 1)} s` : lasting(s));
export const between = (from, to) => (Date.parse(to) - Date.parse(from)) / 1000;
const signed = (s) => `${s < 0 ? "−" : "+"}${duration(Math.abs(s))}`;

// The time column: this clock's, UTC, since the start, since the row before.
const times = {
  local: ({ at }) => `${new Date(at).toTimeString().slice(0, 8)}.${at.slice(20, 23)}`,
  utc: ({ at }) => at.slice(11, 23) + "Z",
  start: ({ at }, { start }) => signed(between(start, at)),
  delta: ({ at }, { before }) => (before ? signed(between(before, at)) : ""),
};

// Where text from one place to another stands in the nodes that make it up.
function place(nodes, [from, to]) {
  const found = {};
  let at = 0;
  for (const one of nodes) {
    const text = one.firstChild || one;
    const end = at + text.length;
    if (from >= at && from < end) Object.assign(found, { startContainer: text, startOffset: from - at });
    if (to > at && to <= end) Object.assign(found, { endContainer: text, endOffset: to - at });
    at = end;
  }
  return new StaticRange(found);
}

export function rowElement(row, look) {
  const { mode, before, section, marked } = look;
  const made = node("div", `row ${row.kind}`);
  made.id = `L${row.seq}`;
  made.classList.toggle("marked", marked);
  const gap = before ? between(before, row.at) : 0;
  if (gap > GAP) made.append(node("div", "gap", `${duration(gap)} without a line`));
  const number = node("a", "n", row.seq);
  number.href = `#L${row.seq}`;
  number.tabIndex = -1; // the keys j and k mark lines
  const time = node("time", "t", times[mode]?.(row, look) ?? "");
  time.dateTime = time.title = row.at;
  const said = node("span", "m", ...row.words.map(([names, text]) => (names ? node("span", names, text) : text)));
  made.hits = row.hits?.map((hit) => place(said.childNodes, hit));
  if (section) {
    const fold = node("button", "fold", section.folded ? "▸" : "▾");
    fold.dataset.fold = row.seq;
    fold.ariaExpanded = !section.folded;
    fold.ariaLabel = `${section.group ? "Group" : "Step"} ${section.label}`;
    fold.style.marginLeft = `${2 * section.depth}ch`;
    said.prepend(fold);
    said.append(node("span", "sum", section.sum));
    made.classList.toggle("k-bad", section.outcome === "error");
  }
  made.append(number, time, said);
  return made;
}

export const blank = (seq) => node("div", "row", node("span", "n", seq || "…"), node("span", "m", "…"));
