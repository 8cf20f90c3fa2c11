// Impedance spectra in the complex plane: one ohm is as long on both axes, the colour tells the cycle.

import { draw, make, mark, say } from "./dom.js";
import { figure } from "./figure.js";
import { fixed, frequency, resistance } from "./format.js";
import { cycleColours } from "./ramp.js";
import { theme } from "./theme.js";

const HEIGHT = 320;
const PAD = { left: 58, right: 12, top: 10, bottom: 42 };

/** The series of spectra of a run. */
export class Nyquist {
  #spectra = [];
  #hidden = new Set();
  #scale = 1; // of what is seen: 1 for all
  #centre = null;
  #shown = [];

  constructor(host) {
    const button = (text, words, act) => make("button", { class: "small", type: "button", "aria-label": words, title: words, onclick: act }, text);
    this.frame = figure({
      title: "Nyquist", table: () => this.#table(),
      buttons: [button("−", "Nyquist: zoom out", () => this.#zoom(1.5)), button("+", "Nyquist: zoom in", () => this.#zoom(1 / 1.5)), button("All", "Nyquist: show all of it", () => this.#all())],
    });
    this.frame.element.classList.add("nyquist");
    this.ramp = make("div", { class: "ramp", role: "group", "aria-label": "Spectra by cycle: show or hide" });
    this.frame.plot.before(this.ramp);
    this.svg = draw("svg", { height: HEIGHT, role: "img" });
    this.frame.plot.append(this.svg);
    host.append(this.frame.element);
    this.#size = new ResizeObserver(() => this.#paint());
    this.#size.observe(this.frame.plot);
    this.#repaint = () => this.draw(this.#spectra);
    theme.addEventListener("theme", this.#repaint);
    this.#gestures();
  }
  #size;
  #repaint;

  /** Draw these spectra. */
  draw(spectra) {
    this.#spectra = spectra;
    this.frame.element.hidden = !spectra.length;
    const colours = cycleColours(spectra.length);
    this.ramp.replaceChildren("after cycle", ...spectra.map((spectrum, n) => this.#switch(spectrum, colours[n])));
    this.colours = colours;
    mark(this.svg, "aria-label", `Nyquist plot of ${spectra.length} spectra, after cycles ${spectra.map(({ cycle }) => cycle).join(", ")}. The table button gives the figures.`);
    this.#paint();
    this.frame.changed();
  }

  close() {
    this.#size.disconnect();
    theme.removeEventListener("theme", this.#repaint);
  }

  #switch(spectrum, tint) {
    const dot = make("i", { "aria-hidden": "true" });
    dot.style.background = tint;
    const id = spectrum.spectrum_id;
    const button = make("button", {
      type: "button", "aria-pressed": String(!this.#hidden.has(id)),
      onclick: () => {
        if (!this.#hidden.delete(id)) this.#hidden.add(id);
        mark(button, "aria-pressed", String(!this.#hidden.has(id)));
        this.#paint();
      },
    }, dot, String(spectrum.cycle));
    return button;
  }

  #visible() {
    return this.#spectra.map((spectrum, n) => [spectrum, n]).filter(([{ spectrum_id: id }]) => !this.#hidden.has(id));
  }

  /** What is seen, in ohms: lower left corner and ohms per pixel, the same on both axes. */
  #view(width) {
    const visible = this.#visible().map(([spectrum]) => spectrum);
    const real = visible.flatMap((spectrum) => spectrum.real_impedance_ohm);
    const up = visible.flatMap((spectrum) => spectrum.imaginary_impedance_ohm.map((value) => -value));
    const [wide, high] = [width - PAD.left - PAD.right, HEIGHT - PAD.top - PAD.bottom];
    const [left, right] = [Math.min(0, ...real), Math.max(1e-9, ...real)];
    const [low, top] = [Math.min(0, ...up), Math.max(1e-9, ...up)];
    const per = Math.max((right - left) / wide, (top - low) / high) * 1.06;
    const centre = this.#centre ?? [left + (per * wide) / 2 - (right - left) * 0.01, low + (per * high) / 2 - (top - low) * 0.02];
    const zoomed = per * this.#scale;
    return { per: zoomed, left: centre[0] - (zoomed * wide) / 2, low: centre[1] - (zoomed * high) / 2, centre, wide, high };
  }

  #paint() {
    const width = this.frame.plot.clientWidth;
    if (!width || !this.#spectra.length) return;
    mark(this.svg, "viewBox", `0 0 ${width} ${HEIGHT}`);
    const view = (this.view = this.#view(width));
    const x = (ohm) => PAD.left + (ohm - view.left) / view.per;
    const y = (ohm) => PAD.top + view.high - (ohm - view.low) / view.per;
    const step = nice(view.per * 90);
    const [sign, factor] = step >= 1000 ? ["kΩ", 1e-3] : ["Ω", 1];
    const name = (ohm) => fixed(ohm * factor, Math.max(0, -Math.floor(Math.log10(step * factor) + 1e-9)));
    const lines = [];
    for (let ohm = Math.ceil(view.left / step) * step; x(ohm) <= PAD.left + view.wide; ohm += step) {
      lines.push(draw("line", { class: "grid", x1: x(ohm), x2: x(ohm), y1: PAD.top, y2: PAD.top + view.high }), draw("text", { x: x(ohm), y: HEIGHT - PAD.bottom + 16, "text-anchor": "middle" }, name(ohm)));
    }
    for (let ohm = Math.ceil(view.low / step) * step; y(ohm) >= PAD.top; ohm += step) {
      lines.push(draw("line", { class: "grid", y1: y(ohm), y2: y(ohm), x1: PAD.left, x2: PAD.left + view.wide }), draw("text", { x: PAD.left - 6, y: y(ohm) + 4, "text-anchor": "end" }, name(ohm)));
    }
    this.#shown = [];
    const clip = draw("clipPath", { id: "nyquist-clip" }, draw("rect", { x: PAD.left, y: PAD.top, width: view.wide, height: view.high }));
    const inside = draw("g", { "clip-path": "url(#nyquist-clip)" }, ...this.#visible().map(([spectrum, n]) => this.#curve(spectrum, this.colours[n], x, y)));
    this.svg.replaceChildren(clip, ...lines, inside,
      draw("rect", { class: "frame", x: PAD.left, y: PAD.top, width: view.wide, height: view.high }),
      draw("text", { x: PAD.left + view.wide / 2, y: HEIGHT - 6, "text-anchor": "middle" }, `Z′ / ${sign}`),
      draw("text", { x: 13, y: PAD.top + view.high / 2, "text-anchor": "middle", transform: `rotate(-90 13 ${PAD.top + view.high / 2})` }, `−Z″ / ${sign}`));
  }

  #curve(spectrum, tint, x, y) {
    const points = spectrum.real_impedance_ohm.map((real, n) => [x(real), y(-spectrum.imaginary_impedance_ohm[n])]);
    points.forEach(([left, top], n) => this.#shown.push({ left, top, spectrum, n }));
    const line = draw("path", { class: "spectrum", d: `M${points.map(([left, top]) => `${left.toFixed(1)} ${top.toFixed(1)}`).join("L")}` });
    const dots = draw("path", { d: points.map(([left, top]) => `M${(left - 2.1).toFixed(1)} ${top.toFixed(1)}a2.1 2.1 0 1 0 4.2 0a2.1 2.1 0 1 0-4.2 0`).join("") });
    line.style.stroke = tint;
    dots.style.fill = tint;
    return draw("g", {}, line, dots);
  }

  #zoom(factor, centre) {
    this.#centre = centre ?? this.view.centre;
    this.#scale = Math.min(4, Math.max(1e-4, this.#scale * factor));
    this.#paint();
  }

  #all() {
    this.#centre = null;
    this.#scale = 1;
    this.#paint();
  }

  #gestures() {
    let held = null;
    this.svg.addEventListener("pointerdown", (pressed) => {
      held = [pressed.clientX, pressed.clientY, this.view.centre];
      this.svg.setPointerCapture(pressed.pointerId);
    });
    this.svg.addEventListener("pointerup", () => (held = null));
    this.svg.addEventListener("pointercancel", () => (held = null));
    this.svg.addEventListener("dblclick", () => this.#all());
    this.svg.addEventListener("pointermove", (moved) => {
      if (held) {
        this.#centre = [held[2][0] - (moved.clientX - held[0]) * this.view.per, held[2][1] + (moved.clientY - held[1]) * this.view.per];
        this.#paint();
      } else this.#read(moved);
    });
    this.svg.addEventListener("wheel", (turned) => {
      if (!turned.ctrlKey) return;
      turned.preventDefault();
      this.#zoom(turned.deltaY > 0 ? 1.25 : 0.8);
    }, { passive: false });
  }

  #read(moved) {
    const box = this.svg.getBoundingClientRect();
    const [left, top] = [moved.clientX - box.left, moved.clientY - box.top];
    let [best, near] = [null, 30 ** 2];
    for (const point of this.#shown) {
      const away = (point.left - left) ** 2 + (point.top - top) ** 2;
      if (away < near) [best, near] = [point, away];
    }
    if (!best) return say(this.frame.reading, "");
    const { spectrum, n } = best;
    return say(this.frame.reading, `after cycle ${spectrum.cycle}   ${frequency(spectrum.frequency_hertz[n])}   Z′ ${resistance(spectrum.real_impedance_ohm[n])}   −Z″ ${resistance(-spectrum.imaginary_impedance_ohm[n])}`);
  }

  #table() {
    return {
      columns: ["after cycle", "frequency", "Z′", "−Z″"],
      rows: this.#visible().flatMap(([spectrum]) => spectrum.frequency_hertz.map((hertz, n) => [String(spectrum.cycle), frequency(hertz), resistance(spectrum.real_impedance_ohm[n]), resistance(-spectrum.imaginary_impedance_ohm[n])])),
    };
  }
}

/** The step of 1, 2 or 5 that is next above. */
function nice(step) {
  const ten = 10 ** Math.floor(Math.log10(step));
  return ten * ([1, 2, 5, 10].find((digit) => digit * ten >= step) ?? 10);
}
