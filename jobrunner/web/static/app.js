// What pages do beyond links and forms: local times, live updates, theme, keyboard, dialogs.
import { follow } from "./live.js";

const html = document.documentElement, root = html.dataset.root.replace(/\/$/, "");
const one = (selector, from = document) => from?.querySelector(selector);
const all = (selector, from = document) => [...from.querySelectorAll(selector)];
export const on = (name, act, first) => document.addEventListener(name, act, first);
export const announce = (name, detail) => document.dispatchEvent(new CustomEvent(`jobrunner:${name}`, { detail }));
const HTML = { Accept: "text/html" };
const parsed = async (answer) => new DOMParser().parseFromString(await answer.text(), "text/html");
const make = (name, text = "") => Object.assign(document.createElement(name), { textContent: text });

// times
const floor = Math.floor, two = (n) => String(n).padStart(2, "0");

// in Sweden times are written as ISO 8601 has them
const local = (date) => date.toLocaleString("sv").replace(`${new Date().toLocaleDateString("sv")} `, "");

function ago(seconds) {
  const amount = Math.abs(seconds);
  if (amount < 1) return "now";
  // from how many seconds on a unit is told: from where the one below it would be rounded up to it
  const [, size, unit] = [[84600, 86400, "d"], [3570, 3600, "h"], [59.5, 60, "min"], [0, 1, "s"]].find(([low]) => amount >= low);
  const told = `${Math.round(amount / size)} ${unit}`;
  return seconds > 0 ? `${told} ago` : `in ${told}`;
}

export function lasting(seconds) {
  const s = Math.max(0, floor(seconds));
  const [m, h, d] = [60, 3600, 86400].map((unit) => floor(s / unit));
  if (!m) return `${s} s`;
  if (!h) return `${m} min ${two(s % 60)} s`;
  return d ? `${d} d ${h % 24} h` : `${h} h ${two(m % 60)} min`;
}

// what would reorder or hide text is shown, as the server shows it
const visible = (text) => text.replace(/[^\P{Cc}\t\n]|[\p{Bidi_C}\u200b\u2028\u2029\ufeff]/gu, (c) => {
  const code = c.charCodeAt().toString(16);
  return code[2] ? `\\u${code.padStart(4, 0)}` : `\\x${code.padStart(2, 0)}`;
});

function setText(node, text) {
  if (node && node.textContent !== text) node.textContent = text;
}

function tick() {
  const now = Date.now();
  for (const node of all("time.ago, time.since")) {
    const seconds = (now - Date.parse(node.dateTime)) / 1000;
    setText(node, node.classList.contains("ago") ? ago(seconds) : lasting(seconds));
  }
}

function localise(from) {
  for (const node of all("time:not(.ago, .since, .t)", from)) {
    const date = new Date(node.dateTime);
    if (isNaN(date)) continue;
    setText(node, node.classList.contains("hm") ? local(date).slice(0, -3) : local(date));
  }
}

// parts that are swapped when something changed
const told = new Map();
let due = 0, waiting = 0, busy = false, again = false;

// What somebody did to a region: how each thing in it is known, and what of it stays.
const KEPT = [
  ["details", (node, n) => node.id || one("summary", node)?.textContent || n, ["open"]],
  ["input[type=checkbox]", (box) => box.name + box.value, ["checked"]],
  [".scroll, pre", (_, n) => n, ["scrollLeft", "scrollTop"]],
];
const state = (region) => KEPT.map(([selector, key, names]) => new Map(all(selector, region).map((node, n) => [key(node, n), names.map((name) => node[name])])));

function restore(region, was) {
  KEPT.forEach(([selector, key, names], i) => all(selector, region).forEach((node, n) => {
    was[i].get(key(node, n))?.forEach((old, j) => { node[names[j]] = old; });
  }));
}

const sign = (node) => node.id || node.getAttribute("href") || `${node.name}=${node.value}`;

function swap(page) {
  for (const region of all("[data-swap]")) {
    const fresh = page.getElementById(region.id);
    if (!fresh || told.get(region.id) === fresh.innerHTML) continue;
    const focus = document.activeElement;
    const inside = region.contains(focus);
    const selection = getSelection();
    const selects = selection && !selection.isCollapsed && region.contains(selection.anchorNode);
    if (selects || (inside && focus.matches("input:not([type=checkbox]), select, textarea"))) continue;
    told.set(region.id, fresh.innerHTML);
    const was = state(region), place = inside && sign(focus), kind = focus.localName;
    region.replaceChildren(...fresh.childNodes);
    restore(region, was);
    dress(region);
    if (place) all(kind, region).find((node) => sign(node) === place)?.focus({ preventScroll: true });
  }
  document.title = page.title;
}

async function refresh() {
  if (busy) return void (again = true);
  busy = true;
  try {
    const answer = await fetch(location.href, { headers: { ...HTML, "X-Jobrunner-Part": "1" } });
    if (answer.redirected && answer.url.includes("/login")) return location.reload();
    if (!answer.ok) throw new Error(answer.status);
    swap(await parsed(answer));
    banner("");
    due = Date.now() + 1000;
  } catch (error) {
    away(error.message);
    again = true;
  } finally {
    busy = false;
    if (again) soon();
    again = false;
  }
}

function away(status) {
  banner(`${WHY[status] ?? "The server cannot be reached."} This page stays as it was, and goes on by itself.`);
  due = Date.now() + 3000;
}

function soon(pause = 0) {
  if (waiting || document.hidden) return;
  waiting = setTimeout(() => { waiting = 0; refresh(); }, Math.max(pause, due - Date.now(), 0));
}

function banner(text) {
  const node = one("#banner");
  setText(node, text);
  node.hidden = !text;
}

let saidAt = 0, saying = 0;
function say(text) {
  clearTimeout(saying);
  saying = setTimeout(() => { saidAt = Date.now(); setText(one("#said"), text); }, saidAt + 5000 - Date.now());
}

// live
const WHY = { 404: "This is gone.", 503: "The database does not answer." };
let began = false;
// whatever becomes of the stream after its beginning: what was missed is fetched, or the page says that it cannot be
function turned() {
  if (began) soon();
  began = true;
}

function liveList() {
  let version, progress;
  follow(`${root}/api/events`, {
    onevent(kind, data) {
      if (kind !== "change") return;
      if (version !== undefined && data.version !== version) soon();
      else if (progress !== undefined && data.progress !== progress) soon(1000);
      ({ version, progress } = data);
    },
    onstate: turned,
  });
}

function liveJob(job) {
  let status = job.dataset.status;
  on("jobrunner:state", turned);
  on("jobrunner:event", ({ detail: { kind, data } }) => {
    if (kind === "transition" || kind === "end" || (kind === "log" && data.stream === "system")) soon();
    if (kind !== "progress") return;
    if (data.status !== status) {
      say(`Job ${job.dataset.job}: ${data.status.replaceAll("_", " ")}`);
      status = data.status;
      soon();
    }
    course(data.progress);
  });
}

function course({ percent, text, current, total, step }) {
  const meter = one("[data-meter]");
  if (meter) {
    meter.hidden = percent === null;
    const bar = one("progress", meter) ?? meter.insertBefore(Object.assign(make("progress"), { max: 100, ariaLabel: "Progress" }), meter.firstChild);
    bar.value = percent ?? 0;
    setText(one("[data-percent]"), `${Math.round(percent ?? 0)} %`);
  }
  const place = step?.index ? `${step.index}${step.total ? `/${step.total}` : ""} ` : "";
  if (step) setText(one("[data-step]"), visible(place + (step.label ?? step.key)));
  const count = total ? ` ${(current ?? 0).toLocaleString("en")} of ${total.toLocaleString("en")}` : "";
  setText(one("[data-text]"), visible(`${text ?? ""}${count}`));
}

// dialogs
async function ask(link) {
  const answer = await fetch(link.href, { headers: HTML }).catch(() => ({}));
  const { status = 0 } = answer;
  if (!status || status === 503) return away(status), soon();
  const body = one("[data-dialog-body]", await parsed(answer));
  if (!body) return location.assign(link.href);
  const box = make("dialog");
  box.ariaLabel = one("h1", body).textContent;
  box.append(body);
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  dress(box);
  box.showModal();
  one("input:not([type=hidden])", box)?.focus();
}

// keyboard
export let chord = 0; // until when a second key belongs to the first, g
const current = () => document.activeElement.closest("[data-rows] [data-row]");

function move(step) {
  const rows = all("[data-rows] [data-row]"), at = rows.indexOf(current());
  const row = rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + step))];
  one("a", row)?.focus({ preventScroll: true });
  row?.scrollIntoView({ block: "nearest" });
}

on("keydown", (event) => {
  const { key, target } = event;
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || html.dataset.keys === "off") return;
  if (target.closest("input:not([type=checkbox]), textarea, select, [contenteditable], dialog")) return;
  const row = current();
  const click = (selector) => () => one(selector)?.click();
  const press = (name) => click(`[data-key="${name}"]`);
  const does = chord > Date.now() ? { [key]: click(`nav [data-go="${CSS.escape(key)}"]`) } : {
    "?": press("?"), c: press("c"), r: press("r"), j: () => move(1), k: () => move(-1),
    "/": () => (one('main [data-key="/"]') ?? one('[data-key="/"]'))?.focus(),
    x: () => row && one("input[name=ids]", row)?.click(),
    Enter: row && !target.closest("a, button, summary") && (() => { location.href = row.dataset.row; }),
    g: () => { chord = Date.now() + 1500; },
  };
  if (key !== "g") chord = 0;
  if (!does[key]) return;
  event.preventDefault();
  does[key]();
});

// forms and buttons
function taste(event) {
  const { name, value } = event.submitter;
  event.preventDefault();
  document.cookie = `jobrunner_${name}=${value}; path=${root || ""}/; max-age=31536000; samesite=lax`;
  html.dataset[name] = value;
  if (name === "theme") {
    for (const button of all("[name=theme]")) button.ariaPressed = String(button.value === value);
    one("meta[name=color-scheme]").content = value === "system" ? "light dark" : value;
  } else {
    event.submitter.value = value === "on" ? "off" : "on";
    setText(event.submitter, `Keyboard shortcuts: ${value}`);
  }
}

async function reshape(form, button) {
  const body = new URLSearchParams(new FormData(form, button));
  const answer = await fetch(form.action, { method: "POST", body, headers: HTML });
  const fresh = one("#start", await parsed(answer));
  if (!fresh) return location.reload();
  const place = button.value;
  form.replaceWith(fresh);
  const list = place.replace(/^add /, "") + "/";
  const added = all("input:not([type=hidden]), select, textarea", fresh).find(({ name }) => name.startsWith(list) && !form.elements[name]);
  (added || all("button", fresh).find((one) => one.value === place) || one("[aria-pressed=true]", fresh))?.focus();
}

on("submit", (event) => {
  const form = event.target, button = event.submitter;
  if (event.defaultPrevented) return;
  if (form.matches("[data-taste]")) return taste(event);
  if (form.id === "start" && button && button.value !== "start") {
    event.preventDefault();
    return reshape(form, button).catch(() => { form.id = ""; form.requestSubmit(button); });
  }
  if (form.method === "get") return all("input, select", form).forEach((field) => { if (!field.value) field.disabled = true; });
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "1";
  setTimeout(() => delete form.dataset.sent, 5000);
});

on("click", async (event) => {
  const node = event.target.closest("a[data-dialog], [data-copy], [data-all], [data-show]");
  if (!node || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (node.matches("[data-dialog]")) { event.preventDefault(); ask(node); }
  if (node.matches("[data-all]")) for (const box of all("input[name=ids]")) box.checked = node.checked;
  if (node.matches("[data-show]") && one("[data-log]")) announce("show", { seq: +node.dataset.show });
  if (node.matches("[data-copy]")) {
    const from = node.dataset.copy;
    const text = from ? await (await fetch(from)).text() : one("code, pre", node.closest("dd, details"))?.textContent;
    await navigator.clipboard.writeText(text ?? "");
    setText(node, "Copied");
    setTimeout(() => setText(node, "Copy"), 1500);
  }
});

on("click", (event) => {
  const box = event.target.closest("dialog");
  if (box && (event.target === box || event.target.closest("[data-close]"))) { event.preventDefault(); box.close(); }
  for (const menu of all("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
addEventListener("pageshow", () => all(":disabled").forEach((field) => { field.disabled = false; }));
on("visibilitychange", () => soon());

function dress(from) {
  localise(from);
  if (navigator.clipboard) all("[data-copy]", from).forEach((button) => { button.hidden = false; });
  all("[data-all]", from).forEach((node) => { node.hidden = false; });
}

if (/[?&]told=/.test(location.search)) history.replaceState(null, "", location.pathname);
for (const region of all("[data-swap]")) told.set(region.id, region.innerHTML);
dress(document);
tick();
setInterval(tick, 1000);
const job = one("[data-job]");
if (job) liveJob(job);
else if (one("[data-swap]")) liveList();
// a page that could not be had is, as soon as it can be
if (one("[data-again]")) setInterval(() => fetch(location.href).then((answer) => answer.ok && location.reload(), () => 0), 5000);
