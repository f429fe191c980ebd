// Figures to drag. torch computed every value while the page was built; this looks it up,
// draws it and says it. Without this script the still picture in the element stays.

const SVG = "http://www.w3.org/2000/svg";
const DRAWN = /^(svg|clipPath|rect|path|circle|text)$/;
const KINDS = ["loss", "gradient", "rival", "rival"];
const fixed = (value) => value.toFixed(3);

function make(name, attributes, ...children) {
  const element = DRAWN.test(name)
    ? document.createElementNS(SVG, name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const style = new CSSStyleSheet();
style.replaceSync(`
:host { color: var(--ink); text-align: start; font-size: 0.9375rem; line-height: 1.5; font-variant-numeric: tabular-nums; }
.loss { --line: var(--loss); }
.gradient { --line: var(--gradient); }
.rival { --line: var(--rival); }
output { margin-inline-start: 58px; display: flex; flex-wrap: wrap; gap: 0 1.25rem; }
output span { color: var(--line); }
output span::before { content: ""; display: inline-block; width: 1.4em; margin-inline-end: 0.4em; border-top: 0.17em solid; vertical-align: 0.25em; }
output .rival::before { border-top-style: dashed; }
output .heard { position: absolute; width: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
svg { display: block; width: 100%; cursor: ew-resize; touch-action: pan-y; user-select: none; forced-color-adjust: none; }
path { fill: none; stroke: var(--line); stroke-width: 2.9; stroke-linejoin: round; }
path.rival { stroke-dasharray: 10 5; }
.tangent { stroke-width: 2; stroke-dasharray: 7 4 !important; }
.drop { stroke: var(--hint); stroke-width: 1.6; stroke-dasharray: 2 3; }
.grid { stroke: var(--grid); stroke-width: 1; }
.edge { stroke: var(--edge); stroke-width: 1; }
circle { fill: var(--line); stroke: var(--ground); stroke-width: 2; }
rect { fill: var(--ground); }
text { fill: var(--ink); font-size: 14.7px; text-anchor: middle; }
.tick { fill: var(--tick); font-size: 13.3px; }
.up { text-anchor: end; }
.controls { display: grid; grid-template-columns: fit-content(40%) 1fr auto; align-items: center; gap: 0 0.75rem; margin-inline: 8px 12px; }
label { display: contents; }
label :last-child { text-align: end; }
input { width: 100%; min-width: 0; height: 2rem; margin: 0; accent-color: var(--loss); }
table { width: 100%; margin: 0.5rem 0; border-spacing: 3px; text-align: center; }
th { color: var(--tick); font-weight: normal; }
td { height: 2.25rem; color: var(--line); }
td.met { background: color-mix(in srgb, var(--gradient) var(--strength), var(--ground)); }
td.own { outline: 2px solid var(--loss); }
@media (max-width: 30rem) { output { margin-inline-start: 8px; } }
@media print { .controls { display: none; } }
`);

// What both figures have: sliders, and an output that says the numbers.
class Draggable extends HTMLElement {
  connectedCallback() {
    if (this.shadowRoot) return;
    Object.assign(this, JSON.parse(this.getAttribute("figure")));
    this.output = make("output", {});
    const controls = this.quantities.map((quantity) => {
      const { name, values, start } = quantity;
      quantity.input = make("input", { type: "range", max: values.length - 1, value: start });
      quantity.told = make("span", { "aria-hidden": true });
      return make("label", {}, make("span", {}, name), quantity.input, quantity.told);
    });
    const shadow = this.attachShadow({ mode: "open" });
    shadow.adoptedStyleSheets = [style];
    shadow.append(this.output, ...this.prepare(), make("div", { class: "controls" }, ...controls));
    shadow.addEventListener("input", () => this.update());
    this.update();
  }

  update() {
    for (const quantity of this.quantities) {
      const { name, values, input, told } = quantity;
      told.textContent = values[input.value];
      input.setAttribute("aria-valuetext", told.textContent);
      quantity.said = [`${name} ${told.textContent}`];
    }
    this.show();
  }

  // Say words; those of a kind are seen as well, in its colour.
  say(...said) {
    const spans = said.flatMap(([words, kind = "heard"]) => [
      make("span", { class: "heard" }, ", "),
      make("span", { class: kind }, words),
    ]);
    this.output.replaceChildren(...spans.slice(1));
  }
}

class DraggableFigure extends Draggable {
  prepare() {
    const summed = this.rows.map((row) => {
      let sum = 0;
      return row.map((step) => (sum += step) / this.unit);
    });
    for (const line of this.lines) line.rows = line.rows.map((number) => summed[number]);
    const drawing = make("svg", { "aria-hidden": true });
    drawing.onpointerdown = ({ pointerId }) => drawing.setPointerCapture(pointerId);
    drawing.onpointermove = drawing.onpointerup = (event) => {
      if (drawing.hasPointerCapture(event.pointerId)) this.drag(event);
    };
    new ResizeObserver(() => this.draw()).observe(drawing);
    this.drawing = drawing;
    return [drawing];
  }

  drag(event) {
    const { input } = this.quantities[0];
    const across = event.clientX - this.drawing.getBoundingClientRect().left - this.left;
    input.value = Math.round((across / this.width) * input.max);
    this.update();
  }

  show() {
    const [along, ...sliders] = this.quantities;
    const setting = sliders.reduce(
      (sum, { input, values }) => sum * values.length + +input.value,
      0,
    );
    this.current = this.lines.map(({ rows }) => rows[setting]);
    this.say(
      ...sliders.map(({ said }) => said),
      along.said,
      ...this.current.map((row, n) => [
        `${this.lines[n].label} ${fixed(row[along.input.value])}`,
        KINDS[n],
      ]),
    );
    this.draw();
  }

  draw() {
    const all = this.drawing.clientWidth;
    if (!all) return;
    const high = Math.max(240, all * 0.5625);
    const [left, right, top, bottom] = [58, 12, 10, 46];
    const [width, height] = [all - left - right, high - top - bottom];
    Object.assign(this, { left, width });
    const { values, input } = this.quantities[0];
    const [first, last] = [+values[0], +values.at(-1)];
    const [low, up] = this.frame;
    const x = (value) => left + ((value - first) / (last - first)) * width;
    const y = (value) => top + ((up - value) / (up - low)) * height;
    const path = (kind, ...points) =>
      make("path", {
        class: kind,
        d: "M" + points.map(([a, b]) => `${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join("L"),
      });
    const rows = this.current;
    const at = input.value;
    const here = +values[at];
    const [loss, pull, slope] = [0, 1, this.slope].map((n) => rows[n][at]);
    const reach = (last - first) * 0.2;
    const [from, to] = [-reach, reach].map((step) => [here + step, loss + step * slope]);
    const tangent = path(`tangent ${KINDS[this.slope]}`, from, to);
    tangent.setAttribute("clip-path", "url(#frame)");
    const word = (text, a, b, kind = "") =>
      make("text", { x: a, y: b, class: kind }, `${text}`.replace("-", "\u2212"));
    const label = word("loss and gradient", 0, 0);
    label.setAttribute("transform", `translate(14 ${top + height / 2}) rotate(-90)`);
    this.drawing.setAttribute("viewBox", `0 0 ${all} ${high}`);
    this.drawing.replaceChildren(
      make("rect", { width: all, height: high }),
      make("clipPath", { id: "frame" }, make("rect", { x: left, y: top, width, height })),
      ...this.ticks[0].map((tick) => path("grid", [tick, low], [tick, up])),
      ...this.ticks[1].map((tick) => path("grid", [first, tick], [last, tick])),
      ...this.ticks[0].map((tick) => word(tick, x(tick), high - 28, "tick")),
      ...this.ticks[1].map((tick) => word(tick, left - 8, y(tick) + 4.5, "tick up")),
      path("edge", [first, up], [first, low], [last, low]),
      word(this.quantities[0].name, left + width / 2, high - 6),
      label,
      ...rows.map((row, n) => path(KINDS[n], ...row.map((value, n) => [values[n], value]))),
      path("drop", [here, loss], [here, pull]),
      tangent,
      make("circle", { class: "gradient", cx: x(here), cy: y(pull), r: 5 }),
      make("circle", { class: "loss", cx: x(here), cy: y(loss), r: 9 }),
    );
  }
}

// The mean squared error of predictions of shape (N, 1) and targets of either shape.
class DraggableMatrix extends Draggable {
  prepare() {
    this.table = make("table", {});
    return [this.table];
  }

  show() {
    const { targets, quantities } = this;
    const [shape, ...moved] = quantities;
    const predictions = moved.map(({ told }) => +told.textContent);
    const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const all = predictions.map((prediction) => targets.map((target) => prediction - target));
    const meant = all.map((row, i) => [row[i]]);
    const wrong = shape.input.value == 1;
    const told = [wrong ? all : meant, meant].map((rows) => ({
      loss: fixed(mean(rows.flat().map((value) => value ** 2))),
      slopes: rows.map((row) => fixed((2 * mean(row)) / rows.length)),
    }));
    this.say(
      ...quantities.map(({ said }) => said),
      [`loss ${told[0].loss}`, "loss"],
      [`gradient ${told[0].slopes.join(" ")}`],
      [`meant: loss ${told[1].loss}`, "rival"],
      [`gradient ${told[1].slopes.join(" ")}`],
    );
    const line = (...cells) => make("tr", {}, ...cells);
    const cell = (text, kind) => make(kind ? "td" : "th", { class: kind ?? "" }, text);
    this.table.replaceChildren(
      line(...["p \u2212 t", ...targets, "gradient", "meant"].map((text) => cell(text))),
      ...all.map((row, i) =>
        line(
          cell(predictions[i].toFixed(1)),
          ...row.map((value, j) => {
            if (i != j && !wrong) return cell("", "none");
            const met = cell(value.toFixed(1), i == j ? "own met" : "met");
            met.style.setProperty("--strength", `${8 * Math.abs(value)}%`);
            return met;
          }),
          cell(told[0].slopes[i], "gradient"),
          cell(told[1].slopes[i], "rival"),
        ),
      ),
    );
  }
}

customElements.define("draggable-figure", DraggableFigure);
customElements.define("draggable-matrix", DraggableMatrix);
