// A list of a million rows of any height, of which at most 280 are elements.
// The truth is an anchor: the row at the upper edge and how many of its pixels are above. Small scrolls move it by pixels,
// large ones by the bar's proportion, and the bar follows it when scrolling rests: no height of an unseen row is needed,
// and the bar stays shorter than what browsers can bear. Up to 250 rows all are elements, and the browser just scrolls.

const TALLEST = 8e6;
const WHOLE = 250;
const OVER = 40;
const MOST = 280;

export const rowOf = (place) => (place?.closest ? place : place?.parentElement)?.closest(".row");

export class List {
  constructor(scroller, [spacer, layer], told) {
    Object.assign(this, { scroller, spacer, layer, ...told, row: 0, off: 0, elements: new Map(), heights: [], average: 20, from: 0, y: 0 });
    layer.replaceChildren();
    scroller.addEventListener("scroll", () => this.scrolled(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(scroller);
  }

  get view() { return this.scroller.clientHeight; }
  get whole() { return this.count() <= WHOLE; }
  get slack() { return Math.max(0, this.length - this.view); }
  get span() { return Math.max(1, this.count() - this.view / this.average); }

  scrolled() {
    const y = this.scroller.scrollTop;
    const moved = y - this.y;
    if (Math.abs(moved) < 1) return;
    this.y = y;
    this.aim = null;
    const far = !this.whole && Math.abs(moved) > Math.max(1200, 2 * this.view);
    if (far) [this.row, this.off] = [y >= this.slack - 1 ? this.count() : (y / this.slack) * this.span, 0];
    else this.off += moved;
    this.draw();
    this.onscroll(moved);
    clearTimeout(this.resting);
    if (y <= 0 || y >= this.slack - 1) this.settle();
    else this.resting = setTimeout(() => this.settle(), 150);
  }

  // Puts the bar where the anchor is; what is seen does not move.
  settle() {
    if (this.whole) return;
    const share = this.atEnd ? 1 : (this.row + this.off / (this.height(this.row) || this.average)) / this.span;
    const y = Math.round(Math.min(1, share) * this.slack);
    if (Math.abs(y - this.y) > 1) this.scroll(y);
    this.place();
  }

  scroll(y) {
    this.scroller.scrollTop = y;
    this.y = this.scroller.scrollTop;
  }

  by(pixels) {
    this.aim = null;
    this.off += pixels;
    this.draw();
    this.settle();
    this.onscroll(pixels);
  }

  // Shows a row so many pixels below the upper edge, and there it stays while rows above it are loaded and grow.
  show(row, below = 0) {
    this.aim = [row, -below];
    this.draw();
    this.settle();
  }

  end() { this.show(this.count()); }

  // Draws the rows around the anchor, measures them, and again where that showed that others are needed.
  draw() {
    const total = this.count();
    if (this.aim) [this.row, this.off] = this.aim;
    if (!this.whole) this.stretch(Math.min(total * this.average, TALLEST));
    this.off += (this.row % 1) * this.average;
    this.row = Math.max(0, Math.min(Math.floor(this.row), total));
    for (let pass = 0; pass < 4; pass++) {
      this.fill(total);
      if (this.normal(total)) break;
    }
    if (this.whole) this.stretch(this.sum(0));
    this.place();
    this.atEnd = this.sum(this.row) - this.off <= this.view + 2 && this.from + this.heights.length === total;
    this.onview(this.from, this.from + this.heights.length);
  }

  fill(total) {
    const shown = this.whole ? total : Math.min(MOST, total, Math.ceil(this.view / 18) + 2 * OVER);
    this.from = Math.max(0, Math.min(this.row - OVER, total - shown));
    const kept = new Map();
    const rows = [];
    // rows in which a selection begins or ends stay the elements that they are, so that it survives scrolling
    const { anchorNode, focusNode } = getSelection();
    const ends = [anchorNode, focusNode].map(rowOf).filter((end) => this.layer.contains(end));
    for (let row = this.from; row < this.from + shown; row++) {
      const [key, element] = this.make(row, this.elements, ends);
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
    for (const element of this.elements.values()) if (kept.get(element.seq) !== element) element.remove();
    let next = this.layer.firstChild;
    for (const element of rows) {
      if (element === next) next = next.nextSibling;
      else this.layer.insertBefore(element, next);
    }
    this.elements = kept;
    this.heights = rows.filter((element) => !element.classList.contains("pin")).map((element) => element.offsetHeight);
    const mean = this.sum(this.from) / this.heights.length || 20;
    if (Math.abs(mean / this.average - 1) > 0.25) this.average = mean;
  }

  height(row) { return this.heights[row - this.from]; }

  // The pixels of the drawn rows from one on, or of those between two.
  sum(from, to = Infinity) {
    return this.heights.slice(Math.max(0, from - this.from), to - this.from).reduce((a, b) => a + b, 0);
  }

  // Turns pixels beyond a row's edges into rows; false when that leads to rows that are not drawn.
  normal(total) {
    if (this.row >= total) [this.row, this.off] = [Math.max(0, total - 1), this.view];
    while (this.off < 0 && this.height(this.row - 1)) this.off += this.height(--this.row);
    while (this.row < total - 1 && this.off >= this.height(this.row)) this.off -= this.height(this.row++);
    if (this.row === 0) this.off = Math.max(0, this.off);
    if (this.from + this.heights.length === total && this.height(this.row)) {
      let spare = this.view - this.sum(this.row) + this.off;
      while (spare > 0 && (this.off > 0 || this.height(this.row - 1))) {
        if (this.off <= 0) this.off += this.height(--this.row);
        const step = Math.min(spare, this.off);
        this.off -= step;
        spare -= step;
      }
    }
    if (!total || (this.off >= 0 && this.height(this.row))) return true;
    const rows = Math.trunc(this.off / this.average);
    this.row = Math.max(0, Math.min(total - 1, this.row + rows));
    this.off -= rows * this.average;
    return false;
  }

  stretch(length) {
    if (length === this.length) return;
    this.length = length;
    this.spacer.style.height = `${length}px`;
    this.y = this.scroller.scrollTop;
  }

  place() {
    const above = this.sum(this.from, this.row) + this.off;
    if (this.whole && Math.abs(above - this.y) > 1) this.scroll(above);
    this.layer.style.transform = this.whole ? "" : `translateY(${this.y - above}px)`;
  }
}
