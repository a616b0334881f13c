// The log viewer: rows, filters, search, sections, keys, and the stream that follows the job.

import { announce, chord, on } from "./app.js";
import { follow } from "./live.js";
import { logData } from "./log-data.js";
import { rowList, rowOf } from "./log-list.js";
import { blank, counted, node, rowElement } from "./log-row.js";
import { sections } from "./log-steps.js";

const LEVELS = ["debug", "info", "warning", "error"];
const COLUMNS = ["level", "stream", "step", "attempt", "logger"];
const WAYS = ["icase", "regex"]; // how a text is looked for
const NAMES = [...COLUMNS, "grep", ...WAYS];
const STATES = { live: "Live", reconnecting: "Reconnecting…", paused: "Paused", ended: "Ended", refused: "Refused" };
const FRAME = 100; // ms: what the stream brings is drawn ten times a second at most
const OVER = 100; // rows loaded beyond those that are elements
const LONG = 1.1e6; // a longer log is walked over only when somebody asks for what that needs
const { floor, max, min } = Math;

const add = (map, key, n) => map.set(key, (map.get(key) || 0) + n);
const sum = (map) => [...map.values()].reduce((a, b) => a + b, 0);

function viewer(root) {
  const part = (name) => root.querySelector(`[data-part=${name}]`);
  const given = root.dataset;
  const head = { status: given.status, first_seq: +given.first, last_seq: +given.last, is_terminal: given.terminal === "1" };
  const [pane, layer, form, needle, icase, regex, only, canvas, time, wrap, fresh, word, tally, note] = [
    "scroller", "rows", "filters", "needle", "icase", "regex", "only", "ticks", "time", "wrap", "new", "state", "hits", "note",
  ].map(part);
  const fields = form.elements;
  const steps = sections();
  const kinds = new Map();
  const marks = { error: new Map(), warning: new Map() };
  const unit = [1, 5, 25, 125].find((size) => size >= head.last_seq / 1000) || 250;
  let mode = localStorage.getItem("log_time") || (innerWidth < 600 ? "off" : "local");
  let [following, unseen, version, cursor] = [false, 0, 0, 0];
  let [stream, trouble] = [head.is_terminal ? "ended" : "live", ""];
  let [marked, hits, census, drawing, dirty, wanting, growing, known] = []; // known: kinds, marks and steps are counted up to what the stream tells
  let [late, counting, searching] = [[], new AbortController(), new AbortController()];
  root.classList.add("on");

  const say = (words) => (note.textContent = words);
  // What the server refuses is told; for whatever else fails there is another try.
  function failed(error) {
    if (error.fields?.grep) return say(error.message);
    if (error.name === "AbortError") return;
    trouble = error.message;
    tell();
    setTimeout(redraw, 1000);
  }
  const data = logData(given.base, head, +given.block, { onload: () => ((trouble = ""), redraw()), onfail: failed });
  const third = () => pane.clientHeight / 3;

  const list = rowList(pane, part("spacer"), layer, {
    count: data.total,
    make(row, elements, kept) {
      const seq = data.seq(row);
      const key = seq ?? `?${row}`;
      const content = data.get(seq);
      const old = elements.get(key);
      if (old && ((old.version === version && old.content === content) || (old.content && kept.includes(old)))) return [key, old];
      const look = { mode, before: data.before(row), start: given.started, section: steps.all.get(seq), marked: seq >= marked?.[0] && seq <= marked[1] };
      return [key, Object.assign(content ? rowElement(content, look) : blank(seq), { version, content, seq: key })];
    },
    onview(from, to) {
      clearTimeout(wanting);
      wanting = setTimeout(() => data.want(from - OVER, to + OVER), 20);
      CSS.highlights?.set("log-hit", new Highlight(...[...layer.children].flatMap((row) => row.hits || [])));
    },
    onscroll(moved, atEnd) {
      if (moved < 0) pause();
      else if (atEnd && !following) resume();
    },
  });

  function redraw() {
    dirty = true;
    drawing ??= setTimeout(paint);
  }
  function paint() {
    dirty = false;
    if (following) list.end();
    else list.draw();
    tell();
    ticks();
    drawing = setTimeout(() => ((drawing = null), dirty && redraw()), FRAME);
  }
  function renew() {
    version++;
    redraw();
  }
  function tell() {
    const state = stream !== "live" ? stream : trouble ? "reconnecting" : following ? "live" : "paused";
    if (word.dataset.state !== state) word.textContent = STATES[(word.dataset.state = state)];
    word.title = trouble;
    part("follow").ariaPressed = following;
    fresh.hidden = following || !unseen;
    fresh.textContent = `${counted(unseen, "new line")} ↓`;
  }
  function pause() {
    following = false;
    tell();
  }
  function resume() {
    following = !head.is_terminal;
    unseen = 0;
    list.end();
    tell();
  }

  // Shows a line a third down the view, unfolds what hides it, and stops following; the page scrolls unless it is `still`.
  async function go(seq, still) {
    pause();
    if (steps.reveal(seq)) fold();
    await data.load(data.block(seq)).catch(() => {});
    list.show(data.row(seq), third());
    still || pane.scrollIntoView({ block: "nearest" });
    return seq;
  }
  const position = (row = list.top()) => data.seq(max(0, min(row, data.total() - 1))) || head.first_seq;
  // Changes the layout, and keeps what the view is held at where it is.
  function keep(change) {
    const [row, off] = list.held();
    const seq = position(row);
    change();
    if (following) list.end();
    else list.show(data.row(seq), -off);
    renew();
  }
  const fold = () => keep(() => data.hide(steps.hidden()));
  function foldAll(folded) {
    steps.fold(folded);
    fold();
  }

  // Deep links by seq: #L120-L140.
  function mark(a, b, put) {
    marked = a && [min(a, b), max(a, b)];
    if (put) history.replaceState(history.state, "", `#L${[...new Set(marked)].join("-L")}`);
    renew();
  }
  function goMarked(seq) {
    mark(seq, seq, true);
    return go((cursor = seq));
  }
  // Marks the line after or before the marked one; the first is the one at the top of the view.
  const line = (step) => goMarked(position(marked && data.row(marked[1]) + step));
  function linked() {
    const [, a, b] = location.hash.match(/^#L(\d+)(?:-L?(\d+))?$/) || [];
    if (!a) return false;
    mark(+a, +(b || a));
    go(marked[0]);
    return true;
  }

  // The filter stands in the address; the server counts what passes it, part by part.
  const query = () => {
    const wanted = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    if (!wanted.has("grep")) for (const name of WAYS) wanted.delete(name);
    return wanted;
  };
  async function filter(top) {
    const wanted = query();
    const here = new URL(location);
    for (const name of NAMES) here.searchParams.delete(name);
    for (const [name, value] of wanted) here.searchParams.set(name, value);
    history.replaceState(history.state, "", here);
    data.show(`${wanted}`);
    for (const link of root.querySelectorAll("[data-view]")) link.search = data.filter;
    part("filter-title").textContent = ["Filter", ...[...wanted].filter(([name]) => !WAYS.includes(name)).map(([, value]) => value)].join(" · ");
    renew();
    say("");
    if (data.filter) await recount(0);
    choices();
    if (following) list.end();
    else list.show(top ? data.row(top) : 0);
  }
  async function recount(block) {
    counting.abort();
    const { signal } = (counting = new AbortController());
    const counts = data.counts.slice(0, block);
    try {
      for await (const found of data.scan("counts", data.filter, { signal, block })) {
        counts.push(...found.counts);
        data.relay(counts);
        const n = data.total();
        say(`${counted(n, "line")} pass${n === 1 ? "es" : ""} the filter${found.done ? "" : " so far"}.`);
        redraw();
      }
    } catch (error) {
      failed(error);
    }
  }

  // Walks over the log once: kinds of lines to choose from, warnings, errors, steps.
  const survey = () => (census ??= walk().catch((error) => {
    failed(error);
    census = null;
  }));
  async function walk() {
    for (const map of [kinds, steps.all, ...Object.values(marks)]) map.clear();
    let seen = 0;
    for await (const found of data.scan("census", `unit=${unit}`)) {
      for (const kind of found.kinds) add(kinds, JSON.stringify(kind.slice(0, 5)), kind[5]);
      for (const [k, n] of found.errors) add(marks.error, k, n);
      for (const [k, n] of found.warnings) add(marks.warning, k, n);
      for (const step of found.steps) steps.add(step);
      [seen, census.claimed] = [found.until, found.claimed];
    }
    known = true;
    for (const told of late) if (told.seq > seen) learn(told);
    late = [];
    if (head.is_terminal) steps.end(head.last_seq);
    steps.settle(head);
    if (marked) steps.reveal(marked[0]);
    choices();
    fold();
  }

  // Each choice with the number of lines that it leaves, the other choices given.
  function choices() {
    const now = Object.fromEntries(query());
    const rows = [...kinds].map(([key, n]) => [...JSON.parse(key), n]);
    const upTo = (level) => LEVELS.slice(0, LEVELS.indexOf(level) + 1);
    const passes = (values, j) => !now[COLUMNS[j]] || (j ? `${values[j]}` === now[COLUMNS[j]] : upTo(values[0]).includes(now.level));
    COLUMNS.forEach((name, i) => {
      const found = new Map(i ? [] : LEVELS.map((level) => [level, 0]));
      if (now[name]) found.set(now[name], 0);
      for (const values of rows) {
        if (values[i] === null || !COLUMNS.every((_, j) => j === i || passes(values, j))) continue;
        for (const one of i ? [`${values[i]}`] : upTo(values[0])) add(found, one, values[5]);
      }
      const options = [...found].map(([value, n]) => new Option(`${value}${i || value === "error" ? "" : " and above"} (${n.toLocaleString()})`, value));
      const select = node("select", "", new Option("any", ""), ...options.slice(0, 500));
      select.name = name;
      select.value = now[name] || "";
      if (document.activeElement !== fields[name]) fields[name].replaceWith(select);
    });
    part("error-count").textContent = counted(sum(marks.error), "error");
    part("errors").hidden = !marks.error.size;
  }

  // The next one after the line where the last one was found, or after the top of the view; around the end.
  const next = (...what) => look(...what).catch(failed);
  async function look(wanted, back, name) {
    const from = cursor ? cursor + (back ? -1 : 1) : position();
    let [seq] = await data.find(wanted, from, back);
    if (!seq) [seq] = await data.find(wanted, back ? head.last_seq : head.first_seq, back);
    return seq ? goMarked(seq) : void say(`There is no ${name}.`);
  }
  const error = (back) => next("level=error", back, "error");

  // The server searches the whole log, and marks the hits in the rows that it gives.
  const how = () => ({ icase: +icase.checked, regex: +regex.checked });
  const asked = () => {
    const wanted = new URLSearchParams(data.filter);
    for (const [name, value] of Object.entries({ grep: needle.value, ...how() })) wanted.set(name, value);
    return wanted;
  };
  async function search() {
    searching.abort();
    const { signal } = (searching = new AbortController());
    if (only.checked || fields.grep.value) {
      fields.grep.value = only.checked ? needle.value : "";
      for (const name of WAYS) fields[name].checked = how()[name];
      await filter(position());
    }
    hits = needle.value ? new Map() : null;
    tally.textContent = "";
    let found = "";
    try {
      for await (const { counts, block, done } of hits ? data.scan("counts", asked(), { signal, per: unit }) : []) {
        counts.forEach((n, i) => n && hits.set(block + i, n));
        tally.textContent = `${counted(sum(hits), "hit")}${(hits.all = done) ? "" : "…"}`;
        data.mark((found = `&mark=${encodeURIComponent(needle.value)}&mark_icase=${how().icase}&mark_regex=${how().regex}`));
        ticks();
      }
    } catch (error) {
      if (error.fields?.grep) tally.textContent = `No: ${error.fields.grep}`;
      else failed(error);
    }
    data.mark(found);
    redraw();
  }
  async function hit(back) {
    if (!needle.value) return needle.focus();
    const seq = await next(asked(), back, "hit");
    if (!seq || !hits?.all) return;
    const k = floor((seq - 1) / unit);
    let ordinal = (await data.find(asked(), k * unit + 1, false, unit, seq)).length;
    for (const [block, n] of hits) if (block < k) ordinal += n;
    tally.textContent = `${ordinal.toLocaleString()} of ${counted(sum(hits), "hit")}`;
  }

  // Beside the scroll bar: where warnings, errors and hits are.
  function ticks() {
    const height = (canvas.height = canvas.clientHeight);
    const pen = canvas.getContext("2d");
    const colours = getComputedStyle(canvas);
    const draw = (blocks, colour, x, width) => {
      pen.fillStyle = colours[colour];
      for (const k of blocks?.keys() || []) pen.fillRect(x, (data.row(k * unit + 1) / (data.total() || 1)) * (height - 3), width, 3);
    };
    draw(marks.warning, "outlineColor", 1, 5);
    draw(marks.error, "color", 1, 10);
    draw(hits, "caretColor", 7, 5);
  }
  canvas.onclick = (event) => {
    pause();
    list.show(floor((event.offsetY / canvas.clientHeight) * data.total()), third());
  };

  // Copies whole lines, from the server: most of them are no elements.
  const boxes = [...part("copying").elements];
  const taste = () => boxes.map(({ name, checked }) => `&${name}=${+checked}`).join("");
  for (const box of boxes) box.checked = (localStorage.getItem("log_copy") || taste()).includes(`${box.name}=1`);
  part("copying").onchange = () => localStorage.setItem("log_copy", taste());
  async function copy([from, to]) {
    try {
      const answer = data.ask("text", `${data.filter}&from_seq=${from}&to_seq=${to}${taste()}`);
      const text = answer.then((found) => found.clone().blob());
      if (!navigator.clipboard?.write) throw new Error("This needs HTTPS: download it.");
      await navigator.clipboard.write([new ClipboardItem({ "text/plain": text })]);
      const { headers } = await answer;
      say(`${counted(+headers.get("X-Lines"), "line")} copied${headers.get("X-Complete") === "1" ? "" : "; download the view for the rest"}.`);
    } catch (error) {
      say(error.message);
    }
  }
  on("copy", (event) => {
    const { isCollapsed, anchorNode, focusNode } = getSelection();
    const ends = [anchorNode, focusNode].map((end) => pane.contains(end) && rowOf(end)?.seq).sort((a, b) => a - b);
    const wanted = isCollapsed ? document.activeElement === pane && marked : ends[0] && ends[0] !== ends[1] && ends;
    if (wanted) grab(event, () => copy(wanted));
  });

  const verbs = {
    follow: () => (following ? pause() : resume()),
    "hit-next": () => hit(false),
    "hit-previous": () => hit(true),
    "error-next": () => error(false),
    "error-previous": () => error(true),
    fold: () => foldAll(true),
    unfold: () => foldAll(false),
    "copy-view": () => copy([1, head.last_seq]),
    "copy-marked": () => (marked ? copy(marked) : say("First mark some lines.")),
  };
  root.addEventListener("click", (event) => {
    const target = event.target.closest("button, a.n");
    const step = steps.all.get(+target?.dataset.fold);
    verbs[target?.dataset.do]?.();
    if (step) {
      step.folded = !step.folded && !!step.end;
      pause();
      fold();
    } else if (target?.matches("a.n")) {
      const { seq } = rowOf(target);
      pause();
      grab(event, () => mark(event.shiftKey && marked ? marked[0] : seq, seq, true));
    }
  });

  function grab(event, act) {
    event.preventDefault();
    act();
  }
  const keys = {
    "/": () => needle.select(),
    n: "hit-next",
    N: "hit-previous",
    e: "error-next",
    E: "error-previous",
    f: "follow",
    j: () => line(1),
    k: () => line(-1),
    w: () => wrap.click(),
    t: () => {
      time.selectedIndex = (time.selectedIndex + 1) % 5;
      time.onchange();
    },
  };
  const moves = {
    PageDown: () => list.by(pane.clientHeight - 40),
    PageUp: () => list.by(40 - pane.clientHeight),
    Home: () => (pause(), list.show(0)),
    End: resume,
  };
  function keyed(event) {
    const { key, target } = event;
    const command = event.ctrlKey || event.metaKey;
    if (command && key === "f" && target !== needle) return grab(event, keys["/"]);
    if (command || event.altKey || chord > Date.now() || document.documentElement.dataset.keys === "off") return;
    if (target === needle && key === "Escape") return grab(event, () => pane.focus());
    if (target === needle && key === "Enter" && event.shiftKey) return grab(event, verbs["hit-previous"]);
    if (target.closest?.("input, select, textarea, dialog")) return;
    const act = verbs[keys[key]] || keys[key] || (root.contains(target) && !target.closest("summary") && moves[key]);
    if (act) grab(event, act);
  }
  on("keydown", keyed, true);

  let typed;
  needle.oninput = () => {
    clearTimeout(typed);
    typed = setTimeout(search, 250);
  };
  icase.onchange = regex.onchange = only.onchange = search;
  part("search").onsubmit = (event) => grab(event, verbs["hit-next"]);
  form.onsubmit = (event) => grab(event, () => filter());
  form.onchange = () => form.requestSubmit();
  form.onreset = () => setTimeout(form.onchange);
  part("filter-title").onclick = () => void survey();
  wrap.onchange = () => keep(() => pane.classList.toggle("nowrap", !wrap.checked));
  time.value = mode;
  time.onchange = () => {
    localStorage.setItem("log_time", (mode = pane.dataset.time = time.value));
    renew();
  };
  addEventListener("hashchange", linked);
  on("jobrunner:show", ({ detail }) => go(detail.seq));

  // The stream is one for the tab, and told to the rest of the page. A line's text comes by the window that shows it.
  function onevent(kind, told, id) {
    announce("event", { kind, data: told, id });
    if (kind === "pruned") head.first_seq = max(head.first_seq, told.first_seq);
    if (kind === "progress") head.status = told.status;
    if (kind === "end" && told.job) {
      Object.assign(head, { status: told.job.status, is_terminal: true });
      steps.end(head.last_seq);
      grown().then(() => following && (list.end(), pause()));
    }
    const { seq } = told;
    if (!seq) return;
    if (seq > head.last_seq && !following) unseen++;
    head.last_seq = max(head.last_seq, seq);
    if (known) learn(told);
    else if (census) late.push(told);
    growing ??= setTimeout(grown, 2 * FRAME);
  }
  function learn(told) {
    if (told.kind !== "log") return;
    add(kinds, JSON.stringify(COLUMNS.map((name) => told[name])), 1);
    if (marks[told.level]) add(marks[told.level], floor((told.seq - 1) / unit), 1);
    if (told.stream === "system" && /^(step|group)_/.test(told.context?.event)) steps.add({ ...told, ...told.context, key: told.step });
  }
  async function grown() {
    growing = null;
    if (data.filter) recount(max(0, data.counts.length - 1));
    else {
      if (following) await data.load(data.last()).catch(() => {});
      data.relay();
    }
    if (census) choices();
    renew();
  }
  function onstate(state) {
    stream = state;
    announce("state", { state });
    tell();
  }

  async function open() {
    root.style.setProperty("--lg-n", `${max(4, `${head.last_seq}`.length + 1)}ch`);
    pane.dataset.time = mode;
    const here = new URL(location).searchParams;
    for (const name of NAMES) {
      if (WAYS.includes(name)) fields[name].checked = here.get(name) === "1";
      else fields[name].value = here.get(name) || "";
    }
    follow(`${given.base}/events`, { after: head.last_seq, onevent, onstate });
    if (`${query()}`) await filter();
    const asked = linked();
    if (!asked && !data.filter) resume();
    redraw();
    if (head.last_seq > LONG) return;
    await survey();
    if (asked || head.status !== "failed" || data.filter || !census) return;
    const [seq] = await data.find("level=error", census.claimed || head.first_seq);
    if (seq) go((cursor = seq), true);
  }
  open();
}

for (const root of document.querySelectorAll("[data-log]")) viewer(root);
