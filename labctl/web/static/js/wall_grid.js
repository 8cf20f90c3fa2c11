// Lays tiles out in a grid, of which only those near the window exist; fills them a few in each frame.

import { mark } from "./dom.js";

const RATIO = 1.72; // width of a tile over its height
const TALLEST = 1.45;
const WIDTHS = { small: 168, medium: 250, large: 420 };
const LEAST = 150;
const MOST = 640;
const FRAME_ms = 5; // of each frame, what filling tiles may take
const MOST_A_FRAME = 4; // painting costs more than filling: where hundreds are in view, figures follow every second or two

/** A grid of tiles in `list`; `make(key)` gives a tile with `element`, `show()`, `changed` (its state is another) and `close()`. */
export class Grid {
  #keys = [];
  #places = new Map();
  #tiles = new Map();
  #urgent = new Set(); // another state, or nothing yet
  #dirty = new Set(); // other figures
  #columns = 1;
  #width = 0;
  #height = 0;
  #size = "fit";
  #frame = 0;
  #moved = true;

  constructor(list, make) {
    this.list = list;
    this.make = make;
    this.#watch = new ResizeObserver(() => this.#lay());
    this.#watch.observe(list.parentElement);
    this.#scroll = () => {
      this.#moved = true;
      this.#want();
    };
    addEventListener("scroll", this.#scroll, { passive: true });
    addEventListener("resize", this.#scroll);
    list.addEventListener("keydown", (pressed) => this.#walk(pressed));
  }
  #watch;
  #scroll;

  /** Show these channels in this order. */
  arrange(keys, size) {
    const same = size === this.#size && keys.length === this.#keys.length && keys.every((key, n) => key === this.#keys[n]);
    if (same) return;
    this.#size = size;
    this.#keys = keys;
    this.#places = new Map(keys.map((key, place) => [key, place]));
    this.#lay();
  }

  /** These channels have changed. */
  refresh(keys) {
    for (const key of keys) {
      const tile = this.#tiles.get(key);
      if (tile) (tile.changed ? this.#urgent : this.#dirty).add(key);
    }
    if (this.#urgent.size || this.#dirty.size) this.#want();
  }

  /** Let go of everything. */
  close() {
    cancelAnimationFrame(this.#frame);
    this.#watch.disconnect();
    removeEventListener("scroll", this.#scroll);
    removeEventListener("resize", this.#scroll);
    for (const tile of this.#tiles.values()) tile.close();
  }

  #lay() {
    const room = this.list.clientWidth;
    const wanted = this.#size === "fit" ? this.#fit(room) : { width: Math.min(WIDTHS[this.#size], room) };
    this.#columns = Math.max(1, Math.floor(room / wanted.width));
    this.#width = Math.floor(room / this.#columns);
    this.#height = Math.floor(wanted.height ?? this.#width / RATIO);
    const unit = Math.min(this.#height, this.#width / RATIO) / 100;
    this.list.style.height = `${Math.ceil(this.#keys.length / this.#columns) * this.#height}px`;
    this.list.style.setProperty("--u", `${unit * 0.96}px`);
    this.list.dataset.size = this.#width < 180 ? "small" : "full";
    for (const key of this.#tiles.keys()) this.#urgent.add(key);
    this.#moved = true;
    this.#want();
  }

  /** The size at which type is largest while all channels are in the window; where they are too many, one that can be read. */
  #fit(room) {
    const high = innerHeight - (this.list.getBoundingClientRect().top + scrollY) - 10;
    let best = null;
    for (let columns = 1; columns <= Math.floor(room / LEAST); columns++) {
      const width = Math.min(room / columns, MOST);
      const height = Math.min(high / Math.ceil(this.#keys.length / columns), width / TALLEST);
      const unit = Math.min(height, width / RATIO);
      if (unit >= LEAST / RATIO && unit > (best?.unit ?? 0)) best = { unit, width: room / columns, height };
    }
    return best ?? { width: Math.min(room, 208) };
  }

  #want() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#paint();
    });
  }

  #paint() {
    if (this.#moved) this.#place();
    this.#fill(this.#urgent, Infinity);
    this.#fill(this.#dirty, MOST_A_FRAME);
    if (this.#urgent.size || this.#dirty.size) this.#want();
  }

  #fill(waiting, most) {
    const until = performance.now() + FRAME_ms;
    let count = 0;
    for (const key of waiting) {
      waiting.delete(key);
      this.#tiles.get(key)?.show();
      if (++count >= most || performance.now() > until) break;
    }
  }

  /** Have the tiles near the window, and no others, each in its place. */
  #place() {
    this.#moved = false;
    const focused = this.list.contains(document.activeElement) ? document.activeElement : null;
    const top = -this.list.getBoundingClientRect().top;
    const from = Math.max(0, Math.floor(top / this.#height) - 1) * this.#columns;
    const to = Math.min(this.#keys.length, (Math.ceil((top + innerHeight) / this.#height) + 1) * this.#columns);
    this.#dropOutside(from, to);
    let before = null;
    for (let place = to - 1; place >= from; place--) before = this.#put(place, before);
    if (focused?.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true });
  }

  #dropOutside(from, to) {
    for (const [key, tile] of this.#tiles) {
      const place = this.#places.get(key);
      const away = place === undefined || place < from || place >= to;
      if (!away || (place !== undefined && tile.element.contains(document.activeElement))) continue;
      tile.element.remove();
      tile.close();
      this.#tiles.delete(key);
      this.#dirty.delete(key);
      this.#urgent.delete(key);
    }
  }

  /** Put a tile in its place, in the document before `follower`: Tab and a screen reader then go along the rows. */
  #put(place, follower) {
    const key = this.#keys[place];
    let tile = this.#tiles.get(key);
    if (!tile) {
      tile = this.make(key);
      this.#tiles.set(key, tile);
      this.#urgent.add(key);
    }
    const { element } = tile;
    if (!element.isConnected || element.nextSibling !== follower) this.list.insertBefore(element, follower);
    const [column, row] = [place % this.#columns, Math.floor(place / this.#columns)];
    element.style.width = `${this.#width}px`;
    element.style.height = `${this.#height}px`;
    element.style.transform = `translate(${column * this.#width}px, ${row * this.#height}px)`;
    mark(element, "aria-setsize", this.#keys.length);
    mark(element, "aria-posinset", place + 1);
    return element;
  }

  #walk(pressed) {
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.#columns, ArrowUp: -this.#columns };
    const step = steps[pressed.key];
    const here = document.activeElement.closest?.("li")?.dataset.key;
    if (!step || here === undefined || pressed.ctrlKey || pressed.altKey || pressed.metaKey) return;
    const place = this.#places.get(here) + step;
    if (!(place >= 0 && place < this.#keys.length)) return;
    pressed.preventDefault();
    scrollBy(0, this.#outside(place));
    this.#place();
    const link = this.#tiles.get(this.#keys[place]).element.querySelector("a");
    link.focus({ preventScroll: true });
  }

  /** How far to scroll for a place to be in the window. */
  #outside(place) {
    const top = this.list.getBoundingClientRect().top + Math.floor(place / this.#columns) * this.#height;
    const head = document.querySelector(".head").offsetHeight;
    if (top < head) return top - head;
    return Math.max(0, top + this.#height - innerHeight);
  }
}
