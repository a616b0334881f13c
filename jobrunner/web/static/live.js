// One stream of events for a page: resumes by its cursor, rests while the tab is hidden, polls where streams are blocked.

const LEDGER = ["transition", "log"];
const KINDS = [...LEDGER, "progress", "pruned", "end", "change"];
const WAIT = 2000, POLL_EVERY = 3000, FEED_EVERY = 10000;
// so often a stream may fail to open, and for so long, while requests are answered, before the page polls instead
const PATIENCE = 3, OPENS = 10000;
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
    let opened = false;
    timer = setTimeout(fail, OPENS);
    stream.onopen = () => {
      clearTimeout(timer);
      opened = true;
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
      // told each time: the page may have been fetched meanwhile from a server that was just ending
      state = "";
      tell("reconnecting");
      // a stream that was open the browser opens again by itself, once
      if (stream.readyState === EventSource.CLOSED || !opened) fail();
      else timer = setTimeout(fail, OPENS);
      opened = false;
    };
  }

  async function fail() {
    rest();
    if (await ask()) failures += 1;
    if (over || document.hidden) return;
    // a blocked stream is tried again now and then
    const blocked = failures >= PATIENCE && failures % 10;
    const wait = blocked ? (hasCursor ? POLL_EVERY : FEED_EVERY) : WAIT;
    timer = setTimeout(blocked ? fail : open, wait * (0.8 + 0.4 * Math.random()));
  }

  // What the stream would have told, by an ordinary request, which also says why there is no stream; true when it was answered.
  async function ask() {
    try {
      const asked = hasCursor ? `${url.replace(/.events$/, "")}?after_seq=${cursor}&limit=1000` : url.replace(/events$/, "stats");
      const answer = await fetch(asked, { headers: { Accept: "application/json" } });
      if (over) return false;
      if (REFUSALS.includes(answer.status)) finish("refused");
      if (!answer.ok) return false;
      const seen = await answer.json();
      if (!hasCursor) return take("change", { version: JSON.stringify(seen), ...seen }, null), true;
      for (const row of seen.events) take(row.kind, row, row.seq);
      take("progress", seen.job, null);
      if (seen.has_more) return ask();
      if (seen.job.is_terminal) take("end", { ...seen, events: [] }, null);
      return true;
    } catch {
      return false; // the server is away; the next try comes
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
