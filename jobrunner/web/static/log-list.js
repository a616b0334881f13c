// A list of a million rows of any height, of which at most 280 are elements.
// The truth is an anchor: the row at the upper edge and how many of its pixels are above. Small scrolls move it by pixels,
// large ones by the bar's proportion, and the bar follows it when scrolling rests: no height of an unseen row is needed,
// and the bar stays shorter than what browsers can bear. Up to 250 rows all are elements, and the browser just scrolls.

const TALLEST = 8e6;
const WHOLE = 250;
const OVER = 40;
const MOST = 280;
const { abs, ceil, floor, max, min, round, trunc } = Math;

export const rowOf = (place) => (place?.closest ? place : place?.parentElement)?.closest(".row");

// `count()` rows there are, `make(row, elements, kept)` gives [key, element]; `onview(from, to)` and `onscroll(moved, atEnd)` hear.
export function rowList(pane, spacer, layer, { count, make, onview, onscroll }) {
  let [row, off, from, y, length, average, elements, heights] = [0, 0, 0, 0, 0, 20, new Map(), []];
  let aim, atEnd, resting;
  const view = () => pane.clientHeight;
  const whole = () => count() <= WHOLE;
  const slack = () => max(0, length - view());
  const span = () => max(1, count() - view() / average);
  const height = (at) => heights[at - from];
  // The pixels of the drawn rows from one on, or of those between two.
  const sum = (low, high = Infinity) => heights.slice(max(0, low - from), high - from).reduce((a, b) => a + b, 0);

  function scrolled() {
    const moved = pane.scrollTop - y;
    if (abs(moved) < 1) return;
    y += moved;
    aim = null;
    const ends = y <= 0 || y >= slack() - 1;
    if (whole() || abs(moved) <= max(1200, 2 * view())) off += moved;
    else [row, off] = [y > 0 && ends ? count() : (y / slack()) * span(), 0];
    draw();
    onscroll(moved, atEnd);
    clearTimeout(resting);
    if (ends) settle();
    else resting = setTimeout(settle, 150);
  }

  // Puts the bar where the anchor is; what is seen does not move.
  function settle() {
    if (whole()) return;
    const share = atEnd ? 1 : (row + off / (height(row) || average)) / span();
    const bar = round(min(1, share) * slack());
    if (abs(bar - y) > 1) scroll(bar);
    place();
  }

  function scroll(to) {
    pane.scrollTop = to;
    y = pane.scrollTop;
  }

  // Draws the rows around the anchor, measures them, and again where that showed that others are needed.
  function draw() {
    const total = count();
    if (aim) [row, off] = aim;
    if (!whole()) stretch(min(total * average, TALLEST));
    off += (row % 1) * average;
    row = max(0, min(floor(row), total));
    for (let pass = 0; pass < 4; pass++) {
      fill(total);
      if (normal(total)) break;
    }
    if (whole()) stretch(sum(0));
    place();
    const to = from + heights.length;
    atEnd = sum(row) - off <= view() + 2 && to === total;
    onview(from, to);
  }

  function fill(total) {
    const shown = whole() ? total : min(MOST, total, ceil(view() / 18) + 2 * OVER);
    from = max(0, min(row - OVER, total - shown));
    const kept = new Map();
    const rows = [];
    // rows in which a selection begins or ends stay the elements that they are, so that it survives scrolling
    const { anchorNode, focusNode } = getSelection();
    const ends = [anchorNode, focusNode].map(rowOf).filter((end) => layer.contains(end));
    for (let at = from; at < from + shown; at++) {
      const [key, element] = make(at, elements, ends);
      kept.set(key, element);
      rows.push(element);
      element.classList.remove("pin");
    }
    for (const end of ends) {
      if (kept.has(end.seq)) continue;
      end.classList.add("pin");
      kept.set(end.seq, end);
      if (end.seq < rows[0]?.seq) rows.unshift(end);
      else rows.push(end);
    }
    for (const element of elements.values()) if (kept.get(element.seq) !== element) element.remove();
    let next = layer.firstChild;
    for (const element of rows) {
      if (element === next) next = next.nextSibling;
      else layer.insertBefore(element, next);
    }
    elements = kept;
    heights = rows.filter((element) => !element.classList.contains("pin")).map((element) => element.offsetHeight);
    const mean = sum(from) / heights.length || 20;
    if (abs(mean / average - 1) > 0.25) average = mean;
  }

  // Turns pixels beyond a row's edges into rows; false when that leads to rows that are not drawn.
  function normal(total) {
    if (row >= total) [row, off] = [max(0, total - 1), view()];
    while (off < 0 && height(row - 1)) off += height(--row);
    while (row < total - 1 && off >= height(row)) off -= height(row++);
    if (row === 0) off = max(0, off);
    if (from + heights.length === total && height(row)) {
      let spare = view() - sum(row) + off;
      while (spare > 0 && (off > 0 || height(row - 1))) {
        if (off <= 0) off += height(--row);
        const step = min(spare, off);
        off -= step;
        spare -= step;
      }
    }
    if (!total || (off >= 0 && height(row))) return true;
    const rows = trunc(off / average);
    row = max(0, min(total - 1, row + rows));
    off -= rows * average;
    return false;
  }

  function stretch(to) {
    if (to === length) return;
    spacer.style.height = `${(length = to)}px`;
    y = pane.scrollTop;
  }

  function place() {
    const above = sum(from, row) + off;
    if (whole() && abs(above - y) > 1) scroll(above);
    layer.style.transform = whole() ? "" : `translateY(${y - above}px)`;
  }

  function by(pixels) {
    aim = null;
    off += pixels;
    draw();
    settle();
    onscroll(pixels, atEnd);
  }

  // Shows a row so many pixels below the upper edge, and there it stays while rows above it are loaded and grow.
  function show(at, below = 0) {
    aim = [at, -below];
    draw();
    settle();
  }

  layer.replaceChildren();
  pane.addEventListener("scroll", scrolled, { passive: true });
  new ResizeObserver(draw).observe(pane);
  // `held()` is the row that the view is held at and how many of its pixels are above, `top()` the one at the upper edge
  return { by, draw, show, end: () => show(count()), held: () => aim || [row, off], top: () => row };
}
