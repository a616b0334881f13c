// What is known of one job's log: how many rows of the view each block of 250 seqs has, so that a row has an ordinal
// without being loaded, and the few blocks that are loaded.

const KEPT = 40;
const AT_ONCE = 4;

export class LogData {
  constructor(base, head, size) {
    Object.assign(this, { base, head, size, filter: "", hidden: [], loaded: new Map(), asked: new Map() });
    this.relay();
  }

  async ask(path, query, signal) {
    const answer = await fetch(`${this.base}/log/${path}?${query}`, { signal });
    if (answer.ok) return answer;
    const told = await answer.json().catch(() => ({}));
    throw new Error(told.message || `The server answers ${answer.status}.`);
  }

  // Walks over the whole log in the bounded parts that the server reads; aborting the signal stops it.
  async *scan(path, query, { signal, block = 0, size = this.size } = {}) {
    for (let part; !part || part.until < part.last_seq; block = Math.floor(part.until / size)) {
      part = await (await this.ask(path, `${query}&size=${size}&block=${block}`, signal)).json();
      this.head.last_seq = Math.max(this.head.last_seq, part.last_seq);
      yield { ...part, block, done: part.until >= part.last_seq };
    }
  }

  // The first wanted line from a seq on, or back; null when there is none.
  async find(query, from, back, most = 1, stop = "") {
    for (let start = from; start >= this.head.first_seq && start <= this.head.last_seq; ) {
      const found = await (await this.ask("find", `${query}&start=${start}&stop=${stop}&most=${most}&newest=${back ? 1 : 0}`)).json();
      if (found.seqs.length || stop) return found.seqs;
      start = found.until + (back ? -1 : 1);
    }
    return [];
  }

  block(seq) { return Math.floor((Math.max(seq, 1) - 1) / this.size); }
  get last() { return this.block(this.head.last_seq); }

  range(k) {
    return [Math.max(k * this.size + 1, this.head.first_seq), Math.min((k + 1) * this.size, this.head.last_seq)];
  }

  // Lays the rows out anew: by the counts of a filter, or by the seqs less what is folded.
  relay(counts = this.counts) {
    this.counts = counts;
    this.starts = [0];
    for (let k = 0; k <= this.last; k++) this.starts.push(this.starts[k] + (this.filter ? counts?.[k] || 0 : this.visible(k)));
  }

  get total() { return this.starts.at(-1); }

  visible(k) {
    const [low, high] = this.range(k);
    let n = high - low + 1;
    for (const [a, b] of this.hidden) n -= Math.max(0, Math.min(b, high) - Math.max(a, low) + 1);
    return Math.max(0, n);
  }

  // The seqs of a block's rows; undefined while only the server knows them.
  seqs(k) {
    if (this.filter) return this.loaded.get(k)?.order;
    const [low, high] = this.range(k);
    const folded = this.hidden.filter(([a, b]) => a <= high && b >= low);
    const found = [];
    for (let seq = low; seq <= high; seq++) if (!folded.some(([a, b]) => seq >= a && seq <= b)) found.push(seq);
    return found;
  }

  at(row) {
    let [low, high] = [0, this.starts.length - 2];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.starts[middle] <= row) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  seq(row) {
    const k = this.at(row);
    return this.seqs(k)?.[row - this.starts[k]];
  }

  // The ordinal of a seq, or of the next one that the view has.
  row(seq) {
    const k = Math.min(this.block(seq), this.last);
    const within = this.seqs(k)?.findIndex((one) => one >= seq) ?? 0;
    return Math.max(0, Math.min(within < 0 ? this.starts[k + 1] : this.starts[k] + within, this.total - 1));
  }

  get(seq) { return this.loaded.get(this.block(seq))?.by.get(seq); }

  // How much of a block there is: rows under a filter, else its last seq.
  extent(k) { return this.filter ? this.starts[k + 1] - this.starts[k] : this.range(k)[1]; }

  // Sees to it that these blocks come, and that no others are waited for.
  want(blocks) {
    for (const [k, { stop }] of this.asked) if (!blocks.includes(k)) stop.abort();
    for (const k of blocks) if (this.asked.size < AT_ONCE) this.load(k).catch(() => {});
    for (const k of this.loaded.keys()) if (this.loaded.size > KEPT && !blocks.includes(k)) this.loaded.delete(k);
  }

  async load(k) {
    const { filter, asked, loaded } = this;
    const extent = this.extent(k);
    const old = loaded.get(k) || { by: new Map(), order: [], extent: 0 };
    if (!extent || old.extent === extent) return;
    if (asked.has(k)) return asked.get(k).done;
    const stop = new AbortController();
    const from = filter || !old.extent ? k * this.size + 1 : old.extent + 1;
    const done = this.ask("rows", `${filter}&from_seq=${from}&to_seq=${(k + 1) * this.size}`, stop.signal).then((answer) => answer.json());
    asked.set(k, { done, stop });
    try {
      const told = await done;
      if (filter !== this.filter) return;
      const by = new Map(filter ? [] : old.by);
      for (const row of told.rows) by.set(row.seq, row);
      loaded.delete(k);
      loaded.set(k, { by, order: [...by.keys()], extent, before: old.extent ? old.before : told.before });
      this.onload();
    } catch (error) {
      if (error.name !== "AbortError") this.onfail(error);
      throw error;
    } finally {
      if (asked.get(k)?.stop === stop) asked.delete(k);
    }
  }

  forget() {
    for (const { stop } of this.asked.values()) stop.abort();
    this.asked.clear();
    this.loaded.clear();
  }
}
