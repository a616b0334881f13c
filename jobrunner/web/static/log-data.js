// What is known of one job's log: how many rows of the view each block of 250 seqs has, so that a row has an ordinal
// without being loaded, and the few blocks that are loaded.

const KEPT = 40;
const AT_ONCE = 4;
const { floor, max, min } = Math;

export function logData(base, head, size, { onload, onfail }) {
  const [loaded, asked] = [new Map(), new Map()];
  let [filter, marks, hidden, counts, starts] = ["", "", []];

  async function ask(path, query, signal) {
    const answer = await fetch(`${base}/log/${path}?${query}`, { signal });
    if (answer.ok) return answer;
    const told = await answer.json().catch(() => ({}));
    throw Object.assign(new Error(told.message || `The server answers ${answer.status}.`), { fields: told.fields });
  }
  const json = async (...what) => (await ask(...what)).json();

  // Walks over the whole log in the bounded parts that the server reads; aborting the signal stops it.
  async function* scan(path, query, { signal, block = 0, per = size } = {}) {
    for (let part; !part || part.until < part.last_seq; block = floor(part.until / per)) {
      part = await json(path, `${query}&size=${per}&block=${block}`, signal);
      head.last_seq = max(head.last_seq, part.last_seq);
      yield { ...part, block, done: part.until >= part.last_seq };
    }
  }

  // The first wanted lines from a seq on, or back; none when there are none.
  async function find(query, from, back, most = 1, stop = "") {
    for (let start = from; start >= head.first_seq && start <= head.last_seq; ) {
      const { seqs, until } = await json("find", `${query}&start=${start}&stop=${stop}&most=${most}&newest=${back ? 1 : 0}`);
      if (seqs.length || stop) return seqs;
      start = until + (back ? -1 : 1);
    }
    return [];
  }

  const block = (seq) => floor((max(seq, 1) - 1) / size);
  const last = () => block(head.last_seq);
  const range = (k) => [max(k * size + 1, head.first_seq), min((k + 1) * size, head.last_seq)];
  const total = () => starts.at(-1);

  // Lays the rows out anew: by the counts of a filter, or by the seqs less what is folded.
  function relay(now = counts) {
    counts = now;
    starts = [0];
    for (let k = 0; k <= last(); k++) starts.push(starts[k] + (filter ? counts?.[k] || 0 : visible(k)));
  }

  function visible(k) {
    const [low, high] = range(k);
    let n = high - low + 1;
    for (const [a, b] of hidden) n -= max(0, min(b, high) - max(a, low) + 1);
    return max(0, n);
  }

  // The seqs of a block's rows; undefined while only the server knows them.
  function seqs(k) {
    if (filter) return loaded.get(k)?.order;
    const [low, high] = range(k);
    const folded = hidden.filter(([a, b]) => a <= high && b >= low);
    const found = [];
    for (let seq = low; seq <= high; seq++) if (!folded.some(([a, b]) => seq >= a && seq <= b)) found.push(seq);
    return found;
  }

  // The block of a row.
  function at(row) {
    let [low, high] = [0, starts.length - 2];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle] <= row) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  function seq(row) {
    const k = at(row);
    return seqs(k)?.[row - starts[k]];
  }

  // The ordinal of a seq, or of the next one that the view has.
  function row(seq) {
    const k = min(block(seq), last());
    const within = seqs(k)?.findIndex((one) => one >= seq) ?? 0;
    return max(0, min(within < 0 ? starts[k + 1] : starts[k] + within, total() - 1));
  }

  const get = (seq) => loaded.get(block(seq))?.by.get(seq);

  // When the row before one happened, where the view has every row.
  function before(row) {
    const k = at(row);
    if (!filter) return row > starts[k] ? get(seq(row - 1))?.at : loaded.get(k)?.before;
  }

  // Sees to it that the blocks of these rows come, and that no others are waited for.
  function want(from, to) {
    const blocks = new Set();
    for (let row = max(0, from); row < min(to, total()); row++) blocks.add(at(row));
    for (const [k, { stop }] of asked) if (!blocks.has(k)) stop.abort();
    for (const k of blocks) if (asked.size < AT_ONCE) load(k).catch(() => {});
    for (const k of loaded.keys()) if (loaded.size > KEPT && !blocks.has(k)) loaded.delete(k);
  }

  async function load(k) {
    // how much of a block there is: rows under a filter, else its last seq
    const extent = filter ? starts[k + 1] - starts[k] : range(k)[1];
    const old = loaded.get(k) || { by: new Map(), extent: 0 };
    if (!extent || old.extent === extent) return;
    if (asked.has(k)) return asked.get(k).done;
    const stop = new AbortController();
    const from = filter || !old.extent ? k * size + 1 : old.extent + 1;
    const done = json("rows", `${filter}${marks}&from_seq=${from}&to_seq=${(k + 1) * size}`, stop.signal);
    asked.set(k, { done, stop });
    try {
      const told = await done;
      if (stop.signal.aborted) return;
      const by = new Map(filter ? [] : old.by);
      for (const row of told.rows) by.set(row.seq, row);
      loaded.delete(k);
      loaded.set(k, { by, order: [...by.keys()], extent, before: old.extent ? old.before : told.before });
      onload();
    } catch (error) {
      if (error.name !== "AbortError") onfail(error);
      throw error;
    } finally {
      if (asked.get(k)?.stop === stop) asked.delete(k);
    }
  }

  function forget() {
    for (const { stop } of asked.values()) stop.abort();
    asked.clear();
  }

  // Shows only what passes a filter, of which nothing is known yet.
  function show(wanted) {
    forget();
    loaded.clear();
    filter = wanted;
    relay([]);
  }

  // Has the hits of a search marked in every row; what is loaded stays until it came anew.
  function mark(wanted) {
    if (wanted === marks) return;
    forget();
    marks = wanted;
    for (const one of loaded.values()) one.extent = 0;
  }

  function hide(ranges) {
    hidden = ranges;
    relay();
  }

  relay();
  return {
    ask, scan, find, block, last, total, relay, seq, row, get, before, want, load, show, mark, hide,
    get filter() { return filter; },
    get counts() { return counts; },
  };
}
