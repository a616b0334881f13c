// Steps as sections of the log: where each begins and ends, how it went, and whether its rows are folded away.

import { between, duration } from "./log-row.js";

const LONG = 1000; // rows; below that a job that went well is shown whole
const WORDS = { ok: "done", error: "failed", cancelled: "cancelled", lost: "not finished" };

export class Steps {
  all = new Map();
  open = [];

  // Takes the begin or end of a step, in order of seq; a step of an earlier attempt has ended by then.
  add({ seq, at, attempt, key, event, label, outcome, seconds }) {
    for (const step of this.open) if (step.attempt < attempt) this.close(step, seq - 1, at, "lost");
    if (event === "step_started") {
      const step = { seq, at, attempt, key, label, sum: "running" };
      this.all.set(seq, step);
      this.open.push(step);
    } else {
      const step = this.open.findLast((one) => one.key === key);
      if (step) this.close(step, seq, at, outcome, seconds);
    }
  }

  close(step, end, at, outcome, seconds = between(step.at, at)) {
    const lines = Math.max(0, end - step.seq - 1);
    const sum = `${WORDS[outcome] || "ended"} · ${duration(seconds || 0)} · ${lines.toLocaleString()} line${lines === 1 ? "" : "s"}`;
    Object.assign(step, { end, outcome, sum });
    this.open = this.open.filter((one) => one !== step);
  }

  end(seq) { for (const step of this.open) this.close(step, seq, step.at, "lost"); }

  // Folds what went well, once, when the page opens: failed and current steps stay open.
  settle({ status, last_seq }) {
    if (status !== "succeeded" || last_seq > LONG) for (const step of this.all.values()) step.folded = step.outcome === "ok";
  }

  fold(all) { for (const step of this.all.values()) step.folded = all && !!step.end; }

  // Unfolds what hides a seq; true when something did.
  reveal(seq) {
    const hiding = [...this.all.values()].filter((step) => step.folded && seq > step.seq && seq <= step.end);
    for (const step of hiding) step.folded = false;
    return hiding.length > 0;
  }

  // The ranges of seqs that are folded away, in order, without overlaps.
  hidden() {
    const found = [];
    for (const { seq, end, folded } of this.all.values()) if (folded && end > (found.at(-1)?.[1] ?? 0)) found.push([seq + 1, end]);
    return found;
  }
}
