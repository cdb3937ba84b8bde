"use strict";
// Line charts as inline SVG: linear or logarithmic, over time or over nines, with marks and a tip.

const WIDTH = 560, HEIGHT = 210, LEFT = 52, RIGHT = 10, TOP = 16, BOTTOM = 24;
const NS = "http://www.w3.org/2000/svg";

function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  Object.entries(attributes).forEach(([key, value]) => node.setAttribute(key, value));
  node.append(...children);
  return node;
}

function drawn(name, attributes, text) {
  const node = document.createElementNS(NS, name);
  Object.entries(attributes).forEach(([key, value]) => node.setAttribute(key, value));
  if (text !== undefined) node.textContent = text;
  return node;
}

function short(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e6) return `${+(value / 1e6).toPrecision(3)} M`;
  if (size >= 10000) return `${+(value / 1e3).toPrecision(3)} k`;
  if (size >= 100) return value.toFixed(0);
  return `${+value.toPrecision(3)}`;
}

function milliseconds(value) {
  if (value === null || value === undefined) return "–";
  return value >= 1000 ? `${+(value / 1000).toPrecision(3)} s` : `${+value.toPrecision(3)} ms`;
}

function niceSteps(highest, count) {
  const rough = highest / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((each) => each >= rough);
  const steps = [];
  for (let value = 0; value <= highest * 1.0001; value += step) steps.push(+value.toPrecision(12));
  return steps;
}

function linearScale(highest, from, to, count) {
  const steps = niceSteps(highest || 1, count);
  const end = highest || 1;
  return { at: (value) => from + ((to - from) * value) / end, ticks: steps };
}

function logScale(lowest, highest, from, to) {
  const low = Math.floor(Math.log10(lowest)), high = Math.max(low + 1, Math.ceil(Math.log10(highest)));
  const ticks = [];
  for (let power = low; power <= high; power += 1) ticks.push(10 ** power);
  const at = (value) => from + ((to - from) * (Math.log10(Math.max(value, 10 ** low)) - low)) / (high - low);
  return { at, ticks };
}

// Not Math.max(...values): a long run has more values than a call may have arguments.
const greatest = (values) => values.reduce((a, b) => Math.max(a, b), 0);
const least = (values, most) => values.reduce((a, b) => Math.min(a, b), most);

function verticalScale(chart, values) {
  const highest = greatest(values);
  if (!chart.log) return linearScale(highest * 1.05, HEIGHT - BOTTOM, TOP, 4);
  const positive = values.filter((value) => value > 0);
  return logScale(least(positive, highest || 1), highest || 1, HEIGHT - BOTTOM, TOP);
}

// A share of what is above: 0.01 stands at "99 %". Each nine is as wide as the others.
function ninesScale(lines) {
  const smallest = least(lines.flatMap((line) => line.points.map(([x]) => x).filter((x) => x > 0)), 0.01);
  const nines = Math.min(6, Math.ceil(-Math.log10(smallest)));
  const at = (share) => LEFT + ((WIDTH - LEFT - RIGHT) * Math.min(nines, -Math.log10(Math.max(share, 10 ** -nines)))) / nines;
  const ticks = [1, 0.5, 0.1, 0.01, 0.001, 0.0001, 0.00001, 0.000001].filter((share) => share >= 10 ** -nines);
  return { at, ticks };
}

const formatNines = (share) => `${+((1 - share) * 100).toFixed(5)} %`;

function chartOf(chart) {
  const isInside = ([x]) => chart.nines || x >= 0;
  const lines = chart.lines.map((line) => ({ ...line, points: line.points.filter(isInside) })).filter((line) => line.points.some(([, y]) => y !== null));
  const box = element("div", { class: "chart" }, element("h3", {}, chart.title));
  if (chart.note) box.append(element("div", { class: "note" }, chart.note));
  const format = chart.format || short;
  const x = chart.nines ? ninesScale(lines)
    : linearScale(chart.seconds, LEFT, WIDTH - RIGHT, 6);
  const y = verticalScale(chart, lines.flatMap((line) => line.points.map((point) => point[1])).filter((value) => value !== null));
  const svg = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": chart.title });
  drawGrid(svg, x, y, format, chart.nines ? formatNines : (value) => `${short(value)} s`);
  if (!chart.nines) (chart.marks || []).forEach((mark) => drawMark(svg, x, mark));
  [...lines].reverse().forEach((line) => svg.append(pathOf(line, x, y)));
  box.append(legendOf(lines), svg, tipOf(svg, lines, x, chart.nines, format));
  return box;
}

function drawGrid(svg, x, y, format, formatX) {
  y.ticks.forEach((value) => {
    svg.append(drawn("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y.at(value), y2: y.at(value) }));
    svg.append(drawn("text", { x: LEFT - 6, y: y.at(value) + 4, "text-anchor": "end" }, format(value)));
  });
  x.ticks.forEach((value) => {
    if (x.at(value) > WIDTH - RIGHT + 1) return;
    svg.append(drawn("text", { x: x.at(value), y: HEIGHT - 6, "text-anchor": "middle" }, formatX(value)));
  });
}

function drawMark(svg, x, mark) {
  const at = x.at(mark.second), isLate = at > WIDTH * 0.75;
  svg.append(drawn("line", { class: "mark", x1: at, x2: at, y1: TOP, y2: HEIGHT - BOTTOM }));
  const side = isLate ? { x: at - 4, "text-anchor": "end" } : { x: at + 4 };
  svg.append(drawn("text", { class: "mark", y: TOP - 5, ...side }, mark.text.replace(/ \(.*/, "")));
}

function pathOf(line, x, y) {
  let path = "", isOpen = false;
  line.points.forEach(([px, py]) => {
    if (py === null) { isOpen = false; return; }
    path += `${isOpen ? "L" : "M"}${x.at(px).toFixed(1)} ${y.at(py).toFixed(1)}`;
    isOpen = true;
  });
  const dash = line.dashed ? { "stroke-dasharray": "5 4" } : {};
  return drawn("path", { d: path, style: `stroke: ${line.colour}`, ...dash });
}

function legendOf(lines) {
  const entry = (line) => element("span", { style: `--colour: ${line.colour}; --dash: ${line.dashed ? "dashed" : "solid"}` }, line.name);
  return element("div", { class: "legend" }, ...lines.map(entry));
}

function tipOf(svg, lines, x, nines, format) {
  const tip = element("div", { class: "tip" });
  const show = (event) => {
    const box = svg.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * WIDTH;
    const nearest = (line) => line.points.reduce((best, point) => (Math.abs(x.at(point[0]) - at) < Math.abs(x.at(best[0]) - at) ? point : best));
    const points = lines.map((line) => [line, nearest(line)]);
    tip.replaceChildren(element("div", {}, nines ? formatNines(points[0][1][0]) : `${short(points[0][1][0])} s`));
    points.forEach(([line, point]) => tip.append(element("div", { style: `color: ${line.colour}` }, `${line.name}: ${format(point[1])}`)));
    tip.style.display = "block";
    const left = event.clientX - box.left + (at > WIDTH * 0.6 ? -tip.offsetWidth - 6 : 30);
    tip.style.left = `${left}px`;
    tip.style.top = `${event.clientY - box.top + 40}px`;
  };
  svg.addEventListener("mousemove", show);
  svg.addEventListener("mouseleave", () => { tip.style.display = "none"; });
  return tip;
}
