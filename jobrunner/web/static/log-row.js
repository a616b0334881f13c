// One row of the log as elements. What a job says becomes text nodes only; the server gives classes from a fixed list.

const GAP = 10; // seconds without a line that are worth a word

export function node(name, classes, ...inside) {
  const made = document.createElement(name);
  made.className = classes;
  made.append(...inside);
  return made;
}

export function duration(s) {
  if (s < 60) return `${s.toFixed(s < 1 ? 3 : 1)} s`;
  const minutes = Math.floor(s / 60) % 60;
  return s < 3600 ? `${minutes} min ${Math.floor(s % 60)} s` : `${Math.floor(s / 3600)} h ${minutes} min`;
}

export const between = (from, to) => (Date.parse(to) - Date.parse(from)) / 1000;
const signed = (s) => `${s < 0 ? "−" : "+"}${duration(Math.abs(s))}`;

// The time column: this clock's, UTC, since the start, since the row before.
const times = {
  local: ({ at }) => `${new Date(at).toTimeString().slice(0, 8)}.${at.slice(20, 23)}`,
  utc: ({ at }) => at.slice(11, 23) + "Z",
  start: ({ at }, { start }) => signed(between(start, at)),
  delta: ({ at }, { before }) => (before ? signed(between(before, at)) : ""),
};

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
  if (section) {
    const fold = node("button", "fold", section.folded ? "▸" : "▾");
    fold.dataset.fold = row.seq;
    fold.ariaExpanded = !section.folded;
    fold.ariaLabel = `Step ${section.label}`;
    said.prepend(fold);
    said.append(node("span", "sum", section.sum));
    made.classList.toggle("k-bad", section.outcome === "error");
  }
  made.append(number, time, said);
  return made;
}

export const blank = (seq) => node("div", "row", node("span", "n", seq || "…"), node("span", "m", "…"));
