// The queue dashboard: reads and shows. Text goes into the page as text only, never as markup.
"use strict";

const STATES = ["all", "queued", "running", "scheduled", "retrying", "succeeded", "failed", "canceled", "expired"];
const FIGURES = ["queued", "running", "scheduled", "succeeded", "failed", "canceled"];
const EVERY_MS = 2000;
const view = { state: "all", queue: "all", page: 1 };
const at = (id) => document.getElementById(id);

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") made.className = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  for (const child of children) made.append(child instanceof Node ? child : String(child));
  return made;
}

const cell = (content, kind = "") => element("td", { class: kind }, content);
const named = (text, kind = "") => element("td", { class: kind, title: text }, text);
// A tenant's key is not told what all tenants share: such a number is null.
const number = (value) => cell(value === null ? "–" : value.toLocaleString("en"), value ? "n" : "n zero");
const state = (name) => element("span", { class: `state ${name}` }, name);

function fill(id, rows, columns, nothing) {
  const empty = element("tr", {}, element("td", { colspan: columns, class: "empty" }, nothing));
  at(id).replaceChildren(...(rows.length ? rows : [empty]));
}

async function read(path) {
  const reply = await fetch(path, { headers: { Accept: "application/json" } });
  const body = await reply.json();
  if (reply.status === 401) location.assign(`${PREFIX}/sign-in?next=${encodeURIComponent(location.pathname)}`);
  if (!reply.ok) throw new Error(body.detail || reply.statusText);
  return body;
}

function ago(moment) {
  if (!moment) return "–";
  const seconds = (Date.now() - Date.parse(moment)) / 1000;
  return seconds < -1 ? `in ${span(-seconds)}` : `${span(Math.max(seconds, 0))} ago`;
}

function span(seconds) {
  if (seconds < 0.001) return "< 1 ms";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 86400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86400)} d`;
}

function took(job) {
  if (!job.started_at || !(job.ended_at || job.state === "running")) return "–";
  const ended = job.ended_at ? Date.parse(job.ended_at) : Date.now();
  return span(Math.max(ended - Date.parse(job.started_at), 0) / 1000);
}

function showFigures(queues) {
  const sum = (name) => queues.reduce((total, queue) => total + queue[name], 0);
  const known = FIGURES.filter((name) => queues.every((queue) => queue[name] !== null));
  at("figures").replaceChildren(...known.map((name) =>
    element("div", { class: `figure ${name}` },
      element("b", {}, sum(name).toLocaleString("en")), element("span", {}, name))));
}

function showQueues(queues) {
  const row = (queue) => element("tr", {}, named(queue.name), number(queue.queued),
    number(queue.running), number(queue.scheduled), number(queue.succeeded), number(queue.failed),
    number(queue.workers));
  fill("queues", queues.map(row), 7, "No queue yet: submit a job and it appears.");
  const names = ["all", ...queues.map((queue) => queue.name)];
  const shown = Array.from(at("queue").options, (option) => option.value);
  if (names.join() === shown.join()) return;
  at("queue").replaceChildren(...names.map((name) => element("option", { value: name }, name)));
  at("queue").value = names.includes(view.queue) ? view.queue : "all";
}

function showWorkers(workers) {
  const busy = (worker) => element("span", {},
    element("meter", { max: worker.slots || 1, value: worker.busy }), `${worker.busy} / ${worker.slots}`);
  const row = (worker) => element("tr", {}, named(worker.name, "id"), named(worker.queues.join(", ")),
    cell(busy(worker)), number(worker.succeeded), cell(ago(worker.last_heartbeat_at), "n"));
  fill("workers", workers.map(row), 5, "No worker is registered: jobs wait until one starts.");
}

function showJobs(found) {
  const row = (job) => {
    const open = () => { location.hash = `job=${encodeURIComponent(job.id)}`; };
    const opens = { tabindex: "0", onclick: open, onkeydown: (press) => press.key === "Enter" && open() };
    return element("tr", opens, cell(state(job.state)), cell(job.readable ? job.task : "(not JSON)"),
      cell(job.queue), cell(job.id, "id"), number(job.attempts), cell(ago(job.created_at), "n"),
      cell(took(job), "n"));
  };
  fill("jobs", found.jobs.map(row), 7, "No jobs here.");
  at("page").textContent = `page ${found.page}`;
  at("newer").disabled = found.page <= 1;
  at("older").disabled = !found.has_next;
}

function facts(job) {
  const rows = [["State", state(job.state)], ["Job", job.id], ["Queue", job.queue],
    ["Attempts", job.attempts], ["Submitted", job.created_at], ["Due", job.scheduled_for],
    ["Started", job.started_at], ["Ended", job.ended_at]];
  const shown = rows.filter(([, value]) => value !== null && value !== undefined);
  return element("dl", {}, ...shown.flatMap(([name, value]) =>
    [element("dt", {}, name), element("dd", {}, value)]));
}

function block(title, value) {
  if (value === null || value === undefined) return [];
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return [element("h3", {}, title), element("pre", {}, text)];
}

async function showJob(id) {
  at("job-title").textContent = id;
  at("job-body").replaceChildren();
  if (!at("job").open) at("job").showModal();
  try {
    const job = await read(`${PREFIX}/v1/jobs/${encodeURIComponent(id)}`);
    at("job-title").textContent = job.task || job.id;
    const error = job.error && (job.error.traceback || [job.error.type, job.error.message].filter(Boolean).join(": "));
    const note = job.withheld ? [element("p", {}, "Your key does not show payloads (payloads:read).")] : [];
    at("job-body").replaceChildren(facts(job), ...note, ...block("Payload", job.payload),
      ...block("Result", job.result), ...block("Progress", job.progress), ...block("Error", error));
  } catch (problem) {
    at("job-body").replaceChildren(element("p", {}, problem.message));
  }
}

function showStates() {
  const choose = (name) => () => { Object.assign(view, { state: name, page: 1 }); showStates(); refresh(); };
  at("states").replaceChildren(...STATES.map((name) => element("button",
    { type: "button", "aria-pressed": String(view.state === name), onclick: choose(name) }, name)));
}

let newest = 0;
async function refresh() {
  const turn = ++newest;
  const asked = new URLSearchParams({ state: view.state, queue_name: view.queue, page: view.page });
  try {
    const [queues, workers, jobs] = await Promise.all(
      [read(`${PREFIX}/rq/queues/json`), read(`${PREFIX}/rq/workers/json`), read(`${PREFIX}/rq/jobs/json?${asked}`)]);
    if (turn !== newest) return;
    showFigures(queues.queues);
    showQueues(queues.queues);
    showWorkers(workers.workers);
    showJobs(jobs);
    at("pulse").className = "";
    at("pulse").textContent = "live";
  } catch (problem) {
    at("pulse").className = "lost";
    at("pulse").textContent = problem.message;
  }
}

// A job has an address of its own, /rq#job=<id>, that can be passed on.
function followAddress() {
  const named = /^#job=(.+)$/.exec(location.hash);
  if (named) showJob(decodeURIComponent(named[1]));
  else at("job").close();
}

function turn(pages) {
  view.page += pages;
  refresh();
}

at("queue").addEventListener("change", (change) => {
  Object.assign(view, { queue: change.target.value, page: 1 });
  refresh();
});
at("newer").addEventListener("click", () => turn(-1));
at("older").addEventListener("click", () => turn(1));
at("job").addEventListener("close", () => history.replaceState(null, "", location.pathname));
addEventListener("hashchange", followAddress);
showStates();
refresh();
followAddress();
setInterval(() => document.hidden || refresh(), EVERY_MS);
