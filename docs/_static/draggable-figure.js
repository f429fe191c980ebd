// Figures to drag. torch computed every value while the page was built; this looks them
// up, draws them and says them. Without it the still picture within the element stays.

const SVG = "http://www.w3.org/2000/svg";
const DRAWN = new Set(["svg", "clipPath", "rect", "path", "circle", "text"]);

function make(name, attributes, ...children) {
  const element = DRAWN.has(name)
    ? document.createElementNS(SVG, name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const style = new CSSStyleSheet();
style.replaceSync(`
  :host { color: var(--ink); font-size: 0.9375rem; line-height: 1.5; text-align: start; }
  output { margin-inline-start: 58px; display: flex; flex-wrap: wrap; gap: 0 1.25rem; font-variant-numeric: tabular-nums; }
  output span:not(.heard)::before {
    content: ""; display: inline-block; width: 1.4em; margin-inline-end: 0.4em;
    border-top: 0.17em solid; vertical-align: 0.25em;
  }
  output .rival::before { border-top-style: dashed !important; }
  .heard { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
  output .loss { color: var(--loss); }
  output .gradient { color: var(--gradient); }
  output .rival { color: var(--rival); }
  svg {
    display: block; width: 100%; cursor: ew-resize; touch-action: pan-y;
    user-select: none; forced-color-adjust: none;
  }
  path { fill: none; stroke-width: 2.9; stroke-linejoin: round; }
  path.loss { stroke: var(--loss); }
  path.gradient { stroke: var(--gradient); }
  path.rival { stroke: var(--rival); stroke-dasharray: 10 5; }
  path.tangent { stroke: var(--gradient); stroke-width: 2; stroke-dasharray: 7 4; }
  path.drop { stroke: var(--hint); stroke-width: 1.6; stroke-dasharray: 2 3; }
  path.grid { stroke: var(--grid); stroke-width: 1; }
  path.edge { stroke: var(--edge); stroke-width: 1; }
  circle { stroke: var(--ground); stroke-width: 2; }
  circle.loss { fill: var(--loss); }
  circle.gradient { fill: var(--gradient); }
  rect { fill: var(--ground); }
  text { fill: var(--ink); font-size: 14.7px; text-anchor: middle; }
  text.tick { fill: var(--tick); font-size: 13.3px; }
  text.up { text-anchor: end; }
  .controls {
    display: grid; grid-template-columns: fit-content(40%) 1fr auto;
    align-items: center; gap: 0 0.75rem; margin-inline: 8px 12px;
  }
  label { display: contents; }
  label span:last-child { text-align: end; font-variant-numeric: tabular-nums; }
  input { width: 100%; min-width: 0; height: 2rem; margin: 0; accent-color: var(--loss); }
  @media (max-width: 30rem) { output { margin-inline-start: 8px; } }
  @media print { .controls { display: none; } }
`);

class DraggableFigure extends HTMLElement {
  connectedCallback() {
    if (this.shadowRoot) return;
    const { rows, lines, ...rest } = JSON.parse(this.getAttribute("figure"));
    const summed = rows.map((row) => {
      let sum = 0;
      return row.map((step) => (sum += step));
    });
    Object.assign(this, rest);
    this.lines = lines.map(({ label, rows }) => ({
      label,
      rows: rows.map((number) => summed[number]),
    }));
    this.inputs = this.quantities.map(({ values, start }) =>
      make("input", { type: "range", min: 0, max: values.length - 1, value: start }),
    );
    this.told = this.inputs.map(() => make("span", { "aria-hidden": true }));
    const controls = this.quantities.map(({ name }, n) =>
      make("label", {}, make("span", {}, name), this.inputs[n], this.told[n]),
    );
    this.output = make("output", {});
    this.drawing = make("svg", { "aria-hidden": true });
    const [axis] = this.quantities;
    this.setAttribute("role", "group");
    this.setAttribute(
      "aria-label",
      `${this.getAttribute("label")}: loss and gradient over ${axis.name}, to drag`,
    );
    const shadow = this.attachShadow({ mode: "open" });
    shadow.adoptedStyleSheets = [style];
    shadow.append(
      this.output,
      this.drawing,
      make("div", { class: "controls" }, ...controls),
    );
    shadow.addEventListener("input", () => this.update());
    this.drawing.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      this.drawing.setPointerCapture(event.pointerId);
      this.drag(event);
    });
    this.drawing.addEventListener("pointermove", (event) => {
      if (this.drawing.hasPointerCapture(event.pointerId)) this.drag(event);
    });
    new ResizeObserver(() => this.draw()).observe(this.drawing);
    this.update();
  }

  drag(event) {
    const { left, width, inputs } = this;
    const across = event.clientX - this.drawing.getBoundingClientRect().left - left;
    inputs[0].value = Math.round((across / width) * inputs[0].max);
    this.update();
  }

  // The rows of all lines, where the sliders stand now.
  get current() {
    const setting = this.inputs
      .slice(1)
      .reduce((sum, { max, value }) => sum * (+max + 1) + +value, 0);
    return this.lines.map(({ rows }) => rows[setting]);
  }

  update() {
    const unit = 10 ** this.digits;
    const at = this.inputs[0].value;
    this.inputs.forEach((input, n) => {
      const value = this.quantities[n].values[input.value];
      input.setAttribute("aria-valuetext", value);
      this.told[n].textContent = value;
    });
    const moved = this.quantities.map(({ name }, n) => `${name} ${this.told[n].textContent}`);
    const [along, ...sliders] = moved;
    const values = this.current.map((row, n) => {
      const value = (row[at] / unit).toFixed(this.digits);
      return make("span", { class: kind(n) }, `${this.lines[n].label} ${value}`);
    });
    const heard = make("span", { class: "heard" }, [...sliders, along].join(", "));
    this.output.replaceChildren(
      ...[heard, ...values].flatMap((span, n) => {
        if (n) span.prepend(make("span", { class: "heard" }, ", "));
        return [span];
      }),
    );
    this.draw();
  }

  draw() {
    const all = this.drawing.clientWidth;
    if (!all) return;
    const high = Math.max(240, Math.round(all * 0.5625));
    const [left, right, top, bottom] = [58, 12, 10, 46];
    const [width, height] = [all - left - right, high - top - bottom];
    Object.assign(this, { left, width });
    const unit = 10 ** this.digits;
    const { values } = this.quantities[0];
    const [first, last] = [+values[0], +values.at(-1)];
    const [low, up] = this.frame;
    const x = (value) => left + ((value - first) / (last - first)) * width;
    const y = (value) => top + ((up - value) / (up - low)) * height;
    const path = (kind, ...points) =>
      make("path", {
        class: kind,
        d: "M" + points.map(([a, b]) => `${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join("L"),
      });
    const rows = this.current.map((row) => row.map((value) => value / unit));
    const at = this.inputs[0].value;
    const [here, loss, slope, pull] = [+values[at], rows[0][at], rows[this.slope][at], rows[1][at]];
    const reach = (last - first) * 0.2;
    const curves = [
      ...rows.map((row, n) => path(kind(n), ...row.map((value, n) => [values[n], value]))),
      path("drop", [here, loss], [here, pull]),
      path("tangent", [here - reach, loss - reach * slope], [here + reach, loss + reach * slope]),
    ];
    for (const curve of curves) curve.setAttribute("clip-path", "url(#frame)");
    const word = (text, a, b, kind = "") =>
      make("text", { x: a, y: b, class: kind }, `${text}`.replace("-", "\u2212"));
    const label = word("loss and gradient", 0, 0);
    label.setAttribute("transform", `translate(14 ${top + height / 2}) rotate(-90)`);
    const frame = { x: left, y: top, width, height };
    this.drawing.setAttribute("height", high);
    this.drawing.replaceChildren(
      make("rect", { width: all, height: high }),
      make("clipPath", { id: "frame" }, make("rect", frame)),
      ...this.ticks[0].map((tick) => path("grid", [tick, low], [tick, up])),
      ...this.ticks[1].map((tick) => path("grid", [first, tick], [last, tick])),
      ...this.ticks[0].map((tick) => word(tick, x(tick), high - 28, "tick")),
      ...this.ticks[1].map((tick) => word(tick, left - 8, y(tick) + 4.5, "tick up")),
      path("edge", [first, up], [first, low], [last, low]),
      word(this.quantities[0].name, left + width / 2, high - 6),
      label,
      ...curves,
      make("circle", { class: "gradient", cx: x(here), cy: y(pull), r: 5 }),
      make("circle", { class: "loss", cx: x(here), cy: y(loss), r: 9 }),
    );
  }
}

function kind(line) {
  return ["loss", "gradient"][line] ?? "rival";
}

customElements.define("draggable-figure", DraggableFigure);
