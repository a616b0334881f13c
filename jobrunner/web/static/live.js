// One stream of events for a page: resumes by its cursor, rests while the tab is hidden, polls where streams are blocked.

const LEDGER = ["transition", "log"];
const KINDS = [...LEDGER, "progress", "pruned", "end", "change"];
const FIRST_WAIT = 1000, LONGEST_WAIT = 30000, POLL_EVERY = 3000, FEED_EVERY = 10000;
// so often a stream may fail to open before the page polls instead
const PATIENCE = 3;
// answers that asking again does not change
const REFUSALS = [401, 403, 404];

/**
 * Follows `url` to its end.
 *
 * `onevent(kind, data, id)` is called for every event, each ledger row exactly once. `onstate` is told live,
 * reconnecting, paused (the tab is hidden), ended, or refused (logged out, or the job is gone). Without `after` the
 * stream has no cursor.
 */
export function follow(url, { after, onevent, onstate }) {
  const hasCursor = after !== undefined;
  let source = null, timer = 0, failures = 0, state = "", over = false;
  let cursor = hasCursor ? Number(after) : 0;

  function tell(next) {
    if (next !== state && !over) onstate((state = next));
  }

  function rest() {
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  function finish(last) {
    rest();
    tell(last);
    over = true;
    document.removeEventListener("visibilitychange", look);
  }

  function take(kind, data, id) {
    if (over) return;
    if (LEDGER.includes(kind)) {
      if (id <= cursor) return;
      cursor = id;
    }
    onevent(kind, data, id);
    if (kind === "end") finish("ended");
  }

  function open() {
    rest();
    const stream = (source = new EventSource(hasCursor ? `${url}?after_seq=${cursor}` : url));
    stream.onopen = () => {
      failures = 0;
      tell("live");
    };
    for (const kind of KINDS) {
      stream.addEventListener(kind, (event) => {
        const data = JSON.parse(event.data);
        take(kind, data, LEDGER.includes(kind) ? data.seq : null);
      });
    }
    stream.onerror = () => {
      if (stream !== source) return;
      tell("reconnecting");
      // while it is connecting the browser tries again by itself; after an answer that is no stream it does not
      if (stream.readyState === EventSource.CLOSED) fail();
    };
  }

  async function fail() {
    rest();
    failures += 1;
    await ask();
    if (over || document.hidden) return;
    const blocked = failures >= PATIENCE;
    const every = hasCursor ? POLL_EVERY : FEED_EVERY;
    const wait = blocked ? every : Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (failures - 1));
    // a blocked stream is tried again now and then
    timer = setTimeout(blocked && failures % 10 ? fail : open, wait * (0.8 + 0.4 * Math.random()));
  }

  // What the stream would have told, by an ordinary request; it also says why there is no stream.
  async function ask() {
    try {
      const asked = hasCursor ? `${url.replace(/.events$/, "")}?after_seq=${cursor}&limit=1000` : url.replace(/events$/, "stats");
      const answer = await fetch(asked, { headers: { Accept: "application/json" } });
      if (over) return;
      if (REFUSALS.includes(answer.status)) return finish("refused");
      if (!answer.ok) return;
      const seen = await answer.json();
      if (!hasCursor) return take("change", { version: JSON.stringify(seen), ...seen }, null);
      for (const row of seen.events) take(row.kind, row, row.seq);
      take("progress", seen.job, null);
      if (seen.job.is_terminal && !seen.has_more) take("end", { ...seen, events: [] }, null);
      else if (seen.has_more) await ask();
    } catch {
      // the server is away; the next try comes
    }
  }

  function look() {
    if (document.hidden) {
      rest();
      tell("paused");
    } else {
      tell("reconnecting");
      open();
    }
  }

  document.addEventListener("visibilitychange", look);
  look();
}
