// The page: what each run came to, and its charts; of two runs the second is drawn dashed.

const RUNS = JSON.parse(document.getElementById("runs").textContent);
const COLOURS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((number) => `var(--c${number})`);
const SUBMIT = "POST /v1/jobs";
const isPair = RUNS.length > 1;
const report = document.getElementById("report");

window.addEventListener("error", (event) => report.append(element("p", { class: "verdict broken" }, `This page cannot show its report: ${event.message}`)));

const named = (name, index) => (isPair ? `${"AB"[index]} ${name}` : name);

// One line a run: `points` takes a run's findings.
function lines(entries) {
  return RUNS.flatMap((run, index) => entries.map(([name, points, options], number) => ({
    name: named(name, index), points: points(run), colour: COLOURS[number % COLOURS.length],
    dashed: index === 1, ...options,
  })));
}

const marks = () => RUNS.flatMap((run, index) => run.marks.map((mark) => ({ ...mark, text: named(mark.text, index) })));
const ofSeries = (name, place) => (run) => (run.series[name] ? run.series[name].seconds.map((each) => [each[0], each[place]]) : []);
const ofEnds = (place) => (run) => run.account.once_seconds.map((each) => [each[0], each[place]]);
const ofSamples = (group, name) => (run) => run.samples.map((each) => [each.second, each[group] ? each[group][name] ?? null : null]);

function summed(place) {
  return (run) => {
    const sums = new Map();
    Object.entries(run.series).filter(([name]) => !run.later.includes(name))
      .forEach(([, series]) => series.seconds.forEach((each) => sums.set(each[0], (sums.get(each[0]) || 0) + each[place])));
    return [...sums].sort((a, b) => a[0] - b[0]);
  };
}

// A line for each process: the n-th of its kind in each sample, as one that died is replaced.
function ofProcesses(field, factor) {
  const names = [...new Set(RUNS.flatMap((run) => run.samples.flatMap((sample) => sample.processes.map((each) => each.kind))))];
  const most = (kind) => greatest(RUNS.flatMap((run) => run.samples.map((sample) => sample.processes.filter((each) => each.kind === kind).length)));
  const places = names.flatMap((kind) => Array.from({ length: most(kind) }, (_, place) => [kind, place]));
  const value = (sample, [kind, place]) => {
    const found = sample.processes.filter((each) => each.kind === kind)[place];
    return found && found[field] !== undefined ? found[field] * factor : null;
  };
  return lines(places.map((at) => [
    most(at[0]) > 1 ? `${at[0]} ${at[1] + 1}` : at[0],
    (run) => run.samples.map((sample) => [sample.second, value(sample, at)])]));
}

function problemLines() {
  const codes = [...new Set(RUNS.flatMap((run) => Object.keys(run.problems)))];
  const points = (code) => (run) => {
    const times = new Map(run.problems[code] || []);
    return Array.from({ length: Math.ceil(run.scenario.seconds) }, (_, second) => [second, times.get(second) || 0]);
  };
  return codes.length ? lines(codes.map((code) => [code, points(code)])) : [];
}

function charts() {
  const seconds = greatest(RUNS.flatMap((run) => [run.scenario.seconds, ...run.samples.map((sample) => sample.second)]));
  const time = { marks: marks(), seconds };
  const latency = { ...time, log: true, format: milliseconds };
  return [
    { ...time, title: "Arrivals and ends", note: "a second", lines: lines([
      ["asked", (run) => run.rates, { colour: "var(--quiet)" }], ["sent", summed(1)], ["answered", summed(2)],
      ["jobs ended", (run) => run.account.ended_seconds]]) },
    { ...latency, title: "Submit", note: "from when the request was due to its answer", lines: lines([
      ["p50", ofSeries(SUBMIT, 4)], ["p99", ofSeries(SUBMIT, 5)], ["slowest", ofSeries(SUBMIT, 6)]]) },
    { ...latency, title: "End to end", note: "from when the submission was due to the news of the job's end; jobs that ran once", lines: lines([
      ["p50", ofEnds(2)], ["p99", ofEnds(3)], ["slowest", ofEnds(4)]]) },
    { title: "Submit against end to end", note: "so many were at most so slow", nines: true, log: true, format: milliseconds, lines: lines([
      ["submit", (run) => (run.series[SUBMIT] ? run.series[SUBMIT].curve : [])], ["end to end", (run) => run.account.once_curve]]) },
    { ...time, title: "Queues", note: "jobs that wait and run", lines: lines([
      ["queued", ofSamples("queues", "queued")], ["running", ofSamples("queues", "running")]]) },
    { ...time, title: "Oldest job that waits", note: "seconds", lines: lines([["age", ofSamples("queues", "oldest_age_seconds")]]) },
    { ...time, title: "Workers", note: "as the API shows them", lines: lines([
      ["all", ofSamples("workers", "all")], ["busy", ofSamples("workers", "busy")], ["slots", ofSamples("workers", "slots")], ["busy slots", ofSamples("workers", "busy_slots")]]) },
    { ...time, title: "Errors", note: "a second, by problem type", lines: problemLines() },
    { ...time, title: "Processor time", note: "percent of one core", lines: ofProcesses("cpu_percent", 1) },
    { ...time, title: "Memory", note: "resident, MB", lines: ofProcesses("rss", 1e-6) },
    { ...time, title: "Memory of the store", note: "what its data takes, MB", lines: ofProcesses("used_memory", 1e-6).filter((line) => line.points.some((point) => point[1] !== null)) },
  ];
}

const isMeasured = (chart) => chart.lines.some((line) => line.points.some((point) => point[1] !== null));

const percent = (share) => `${(share * 100).toFixed(1)} %`;

function figures() {
  const entries = [
    ["sent of asked", (run) => percent(run.load.achieved_share), (run) => run.load.achieved_share < run.scenario.thresholds.achieved_share],
    ["jobs acknowledged", (run) => run.account.acknowledged],
    ["lost", (run) => run.account.lost, (run) => run.account.lost > 0],
    ["ended twice", (run) => run.account.doubled ?? "–"],
    ["began again", (run) => run.account.rescued ?? "–"],
    ["submit p50", (run) => milliseconds(run.series[SUBMIT]?.latency.p50)],
    ["submit p99", (run) => milliseconds(run.series[SUBMIT]?.latency.p99)],
    ["end to end p50", (run) => milliseconds(run.account.once.p50)],
    ["end to end p99", (run) => milliseconds(run.account.once.p99)],
    ["driver late by p99", (run) => milliseconds(run.load.lateness.p99)],
    ["requests failed", (run) => run.load.failed],
  ];
  return element("div", { class: "figures" }, ...entries.map(([name, value, isBad]) => {
    const box = element("div", { class: "figure" }, element("div", { class: "name" }, name),
      element("div", { class: "value" }, String(value(RUNS[0]))));
    if (isPair) box.append(element("div", { class: "other" }, `B ${value(RUNS[1])}`));
    if (isBad && RUNS.some(isBad)) box.classList.add("bad");
    return box;
  }));
}

function table(head, rows) {
  const cell = (name) => (value) => element(name, {}, value === null || value === undefined ? "–" : String(value));
  return element("div", { class: "table" }, element("table", {},
    element("thead", {}, element("tr", {}, ...head.map(cell("th")))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map(cell("td")))))));
}

function seriesTable() {
  const names = [...new Set(RUNS.flatMap((run) => Object.keys(run.series)))];
  const found = names.flatMap((name) => RUNS.map((run, index) => [named(name, index), run.series[name]])).filter(([, each]) => each);
  const rows = found.map(([name, each]) => [
    name, each.sent, each.answered, Object.values(each.problems).reduce((a, b) => a + b, 0), each.delayed,
    ...["p50", "p90", "p99", "p999", "max"].map((share) => milliseconds(each.latency[share])), milliseconds(each.service.p99)]);
  return table(["requests", "sent", "answered", "failed", "over 100 ms", "p50", "p90", "p99", "p99.9", "max", "p99 since sent"], rows);
}

function accountTable() {
  const names = ["acknowledged", "succeeded", "failed", "canceled", "expired", "waiting", "unanswered", "lost", "doubled", "rescued"];
  return table(["", ...names], RUNS.map((run, index) => [named("jobs", index), ...names.map((name) => run.account[name])]));
}

function endsTable() {
  const shares = ["p50", "p90", "p99", "p999", "max"];
  const row = (run, index, name, text) => [named(text, index), ...shares.map((share) => milliseconds(run.account[name][share]))];
  return table(["end to end", "p50", "p90", "p99", "p99.9", "max"], RUNS.flatMap((run, index) => [
    row(run, index, "once", "ran once"), row(run, index, "again", "ran again (rescued, retried)")]));
}

function memoryTable() {
  const size = (bytes) => `${(bytes * 1e-6).toFixed(1)} MB`;
  const rows = RUNS.flatMap((run, index) => run.memory.map((each) => [named(each.name, index), size(each.early), size(each.late), percent(each.share)]));
  return rows.length ? table(["", "second quarter", "last quarter", "growth"], rows) : element("p", { class: "under" }, "too short a run");
}

function problemTable() {
  const rows = RUNS.flatMap((run, index) => Object.entries(run.series).flatMap(([name, each]) =>
    Object.entries(each.problems).map(([code, count]) => [named(name, index), code, count])));
  return rows.length ? table(["requests", "problem", "times"], rows) : element("p", { class: "under" }, "none");
}

function verdict(run, index) {
  const box = element("div", { class: `verdict ${run.broken.length ? "broken" : "held"}` },
    element("b", {}, named(run.broken.length ? "broken" : "held", index)),
    ` – ${run.scenario.name}, ${run.scenario.seconds} s, ${run.scenario.shape.kind}, begun ${new Date(run.began * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`);
  if (run.broken.length) box.append(element("ul", {}, ...run.broken.map((line) => element("li", {}, line))));
  return box;
}

const heading = (text) => element("h2", {}, text);

report.append(
  element("h1", {}, isPair ? "Two load tests" : `Load test: ${RUNS[0].scenario.name}`),
  element("p", { class: "under" }, `${RUNS[0].machine}`),
  ...RUNS.map(verdict), figures(),
  heading("Over time"), element("div", { class: "charts" }, ...charts().filter(isMeasured).map(chartOf)),
  heading("What became of every job"), accountTable(),
  heading("End to end"), endsTable(),
  heading("Requests"), seriesTable(),
  heading("Problems"), problemTable(),
  heading("Memory after the warm-up"), memoryTable(),
  element("footer", {}, "Latency counts from when a request was due, so a stalled server delays every request that was due meanwhile. “Since sent” leaves that out, for comparison."),
);
