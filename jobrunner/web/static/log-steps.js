// Steps, and groups of lines within them, as sections of the log: where each begins and ends, how it went, and whether its
// rows are folded away.

import { between, counted, duration } from "./log-row.js";

const LONG = 1000; // rows; below that a job that went well is shown whole
const WORDS = { ok: "done", error: "failed", cancelled: "cancelled", lost: "not finished" };

export function sections() {
  const all = new Map();
  const list = () => [...all.values()];
  let open = [];

  function close(one, end, at, outcome, seconds = between(one.at, at)) {
    const sum = `${WORDS[outcome] || "ended"} · ${duration(seconds || 0)} · ${counted(Math.max(0, end - one.seq - 1), "line")}`;
    Object.assign(one, { end, outcome, sum });
    open = open.filter((other) => other !== one);
  }

  // Takes the begin or end of a section, in order of seq; one of an earlier attempt has ended by then.
  function add({ seq, at, attempt, key, group, parent, event, label, outcome, seconds }) {
    for (const one of open) if (one.attempt < attempt) close(one, seq - 1, at, "lost");
    if (event.endsWith("started")) {
      const depth = group ? (open.find((one) => one.group === parent)?.depth || 0) + 1 : 0;
      const one = { seq, at, attempt, key, group, label, depth, sum: "running" };
      all.set(seq, one);
      open.push(one);
    } else {
      const one = open.findLast((one) => (group ? one.group === group : !one.group && one.key === key));
      if (one) close(one, seq, at, outcome, seconds);
    }
  }

  return {
    all,
    add,
    end(seq) { for (const one of open) close(one, seq, one.at, "lost"); },
    // Folds what went well, once, when the page opens: failed and current sections stay open.
    settle({ status, last_seq }) {
      if (status !== "succeeded" || last_seq > LONG) for (const one of list()) one.folded = one.outcome === "ok";
    },
    fold(folded) { for (const one of list()) one.folded = folded && !!one.end; },
    // Unfolds what hides a seq; true when something did.
    reveal(seq) {
      const hiding = list().filter((one) => one.folded && seq > one.seq && seq <= one.end);
      for (const one of hiding) one.folded = false;
      return hiding.length > 0;
    },
    // The ranges of seqs that are folded away, in order, without overlaps.
    hidden() {
      const found = [];
      let last = 0;
      for (const { seq, end, folded } of list()) {
        if (folded && end > last) found.push([Math.max(seq, last) + 1, (last = end)]);
      }
      return found;
    },
  };
}
