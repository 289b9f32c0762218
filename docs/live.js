// Live curves with sliders, without a server. A page has an element with the class "optimsche-live" for each plan, and
// calls optimscheLive(plans) with what docs/live.py writes: for each name its call, its parameters and its rate.

function optimscheLive(plans) {
  const SVG = "http://www.w3.org/2000/svg";
  const WIDTH = 640, HEIGHT = 240, LEFT = 64, RIGHT = 12, TOP = 12, BOTTOM = 28, POINTS = 600;

  const make = (kind, attributes, parent) => {
    const element = kind === "svg" || parent?.namespaceURI === SVG
      ? document.createElementNS(SVG, kind) : document.createElement(kind);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    parent?.append(element);
    return element;
  };

  // 20000 as 20k, 0.00015 as 1.5e-4.
  const short = (number) => {
    for (const [unit, size] of [["M", 1e6], ["k", 1e3]]) if (number >= size) return `${+(number / size).toPrecision(4)}${unit}`;
    return number !== 0 && number < 1e-3 ? number.toExponential().replace(/(\.\d\d)\d+/, "$1") : `${+number.toPrecision(3)}`;
  };

  // A round number of which four to eight are in the range.
  const step = (range) => {
    const power = 10 ** Math.floor(Math.log10(range / 4));
    return [1, 2, 5, 10].map((digit) => digit * power).find((size) => range / size <= 8);
  };

  const axes = (svg, last, highest) => {
    const line = (x1, y1, x2, y2) =>
      make("line", { x1, y1, x2, y2, stroke: "currentColor", "stroke-opacity": 0.2 }, svg);
    const label = (x, y, anchor, text) =>
      (make("text", { x, y, "text-anchor": anchor, fill: "currentColor", "font-size": 12 }, svg).textContent = text);
    const across = WIDTH - LEFT - RIGHT, down = HEIGHT - TOP - BOTTOM;
    for (let update = 0; update <= last * 1.0001; update += step(last)) {
      const x = LEFT + (update / last) * across;
      line(x, TOP, x, TOP + down);
      label(x, HEIGHT - 10, update > 0.95 * last ? "end" : "middle", short(update));
    }
    for (let rate = 0; rate <= highest * 1.0001; rate += step(highest)) {
      const y = TOP + (1 - rate / highest) * down;
      line(LEFT, y, LEFT + across, y);
      label(LEFT - 6, y + 4, "end", short(+rate.toPrecision(6)));
    }
  };

  const draw = (svg, plan, values) => {
    const last = 1.05 * plan.last(...values), clocks = [];
    for (let place = 0; place <= POINTS; place += 1) clocks.push(Math.round((last * place) / POINTS));
    const points = [...new Set(clocks)].map((update) => [update, plan.rate(update, ...values)]);
    const highest = Math.max(...points.map(([, rate]) => rate)) || 1;
    const x = (update) => LEFT + (update / last) * (WIDTH - LEFT - RIGHT);
    const y = (rate) => TOP + (1 - rate / highest) * (HEIGHT - TOP - BOTTOM);
    svg.replaceChildren();
    axes(svg, last, highest);
    const path = points.map(([update, rate]) => `${x(update).toFixed(2)},${y(rate).toFixed(2)}`).join(" ");
    make("polyline", { points: path, fill: "none", stroke: "#2a78d6", "stroke-width": 2, "stroke-linejoin": "round" }, svg);
  };

  for (const element of document.querySelectorAll(".optimsche-live")) {
    const plan = plans[element.dataset.plan];
    if (plan === undefined) throw new Error(`no plan has the name ${element.dataset.plan}`);
    const call = make("code", { style: "display: block; overflow-wrap: anywhere" }, element);
    const svg = make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", style: "width: 100%; max-width: 50rem" }, element);
    const table = make("div", { style: "display: grid; grid-template-columns: max-content minmax(6rem, 24rem) max-content; gap: 0 1rem" }, element);
    const sliders = plan.parameters.map(({ name, low, high, value, whole }) => {
      const id = `${element.dataset.plan}-${name}`;
      make("label", { for: id }, table).textContent = name;
      const slider = make("input", { type: "range", id, min: low, max: high, step: whole ? 1 : "any" }, table);
      slider.value = value;
      return { name, slider, shown: make("output", { for: id }, table), whole };
    });
    const update = () => {
      const values = sliders.map(({ slider, whole }) => (whole ? Math.round(+slider.value) : +(+slider.value).toPrecision(3)));
      sliders.forEach(({ shown }, place) => (shown.textContent = values[place]));
      call.textContent = `${plan.call}(${sliders.map(({ name }, place) => `${name}=${values[place]}`).join(", ")})`;
      svg.setAttribute("aria-label", call.textContent);
      draw(svg, plan, values);
    };
    for (const { slider } of sliders) slider.addEventListener("input", update);
    update();
  }
}
