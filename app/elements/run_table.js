// Run table: a run a row, with a tick, a link and the chosen columns. `tick` tells Python the ids of all ticked runs.
// Arrows move from row to row, Space ticks, Enter opens; a head sorts: once, the other way round, and back to the given order;
// `sort` tells Python which and which way.
const PAUSE = 250;  // ms after a tick in which another joins it: ticks that follow each other at once are one answer, one address
const HEARD = 10000;  // ms for which a press stands against a table that was drawn before Python heard of it
const SVG = "http://www.w3.org/2000/svg";

function curve(points) {
  const made = document.createElementNS(SVG, "svg"), line = document.createElementNS(SVG, "polyline");
  const all = points.length > 1 ? points : [points[0], points[0]], last = all.length - 1;
  made.setAttribute("viewBox", "0 0 100 24");
  made.setAttribute("preserveAspectRatio", "none");
  made.setAttribute("aria-hidden", "true");
  line.setAttribute("points", all.map((y, i) => `${(100 * i) / last},${(23 - 22 * y).toFixed(1)}`).join(" "));
  made.append(line);
  return made;
}

function cell(value, { kind }) {
  const made = node("td", kind);
  if (value === null) made.append(node("span", "none", "\u2013"));
  else if (kind === "curve") made.append(curve(value));
  else if (kind === "state") made.append(node("span", `chip ${value[1]}`, value[0]));
  else if (kind === "bar") {
    const bar = node("span", "track"), fill = node("i");
    fill.style.width = `${100 * value[0]}%`;
    bar.append(fill);
    made.append(bar, node("span", "", value[1]));
  } else made.textContent = made.title = Array.isArray(value) ? value[1] : value;
  return made;
}

function line(ui, run, heads) {
  const row = node("tr", "run"), who = node("th", "who"), box = node("div", "line");
  const tick = node("input"), square = node("i", "square"), name = node("a", "name", run.name);
  tick.type = "checkbox";
  tick.tabIndex = -1;  // one stop a row would be hundreds: the arrows lead to the rows, and Space ticks
  tick.setAttribute("aria-label", `Tick ${run.name}, run ${run.id}`);
  tick.onchange = () => ui.tick([run.id], tick.checked);
  square.style.background = `var(--${run.role})`;
  name.href = `run?run=${run.id}`;
  name.title = run.name;
  name.onclick = leave;
  name.onfocus = () => { ui.at = run.id; stops(ui); };
  who.scope = "row";
  box.append(tick, square, name);
  who.append(box);
  row.append(who, ...heads.map((head, i) => cell(run.cells[i], head)));
  return { row, tick, name };
}

// The table is one stop of the Tab key: the row that was left last, or the first.
function stops(ui) {
  const at = ui.shown.some((run) => run.id === ui.at) ? ui.at : ui.shown[0]?.id;
  for (const run of ui.shown) ui.drawn.get(run.id).name.tabIndex = run.id === at ? 0 : -1;
}

function marks(ui) {
  const ticked = ui.shown.filter((run) => ui.ticked.has(run.id)).length;
  for (const run of ui.shown) {
    const { row, tick } = ui.drawn.get(run.id);
    tick.checked = ui.ticked.has(run.id);
    row.classList.toggle("ticked", tick.checked);
  }
  ui.all.checked = ticked > 0 && ticked === ui.shown.length;
  ui.all.indeterminate = ticked > 0 && !ui.all.checked;
}

const worth = (value, kind) => (kind === "curve" ? value?.at(-1) : Array.isArray(value) ? value[0] : value) ?? null;

function sorted(rows, heads, sort) {
  const at = heads.findIndex((head) => head.key === sort?.key);
  if (!sort || (at < 0 && sort.key !== "run")) return rows;
  const of = (run) => (at < 0 ? run.name : worth(run.cells[at], heads[at].kind)), way = sort.down ? -1 : 1;
  return [...rows].sort((a, b) => {
    const x = of(a), y = of(b);
    if (x === null || y === null) return (x === null) - (y === null);  // what has no value stands last, either way round
    if (typeof x === "number" && typeof y === "number") return way * (x - y);
    return way * String(x).localeCompare(String(y), undefined, { numeric: true });
  });
}

function heading(ui, head) {
  const made = node("th", head.key === "run" ? "who" : head.kind), button = node("button", "sort", head.title);
  const first = ["number", "bar", "curve"].includes(head.kind);  // of numbers the highest come first
  const down = ui.sort?.key === head.key ? ui.sort.down : null;
  made.scope = "col";
  if (head.help) made.title = head.help;
  if (down !== null) made.setAttribute("aria-sort", down ? "descending" : "ascending");
  button.type = "button";
  button.dataset.key = head.key;
  if (down !== null) button.append(node("span", "way", down ? " \u2193" : " \u2191"));
  button.onclick = () => {
    ui.sort = down === null ? { key: head.key, down: first } : down === first ? { key: head.key, down: !first } : null;
    ui.order(ui.sort);
    draw(ui);
    [...ui.head.querySelectorAll(".sort")].find((b) => b.dataset.key === head.key)?.focus();
  };
  if (head.key !== "run") made.append(button);
  else {
    const box = node("div", "line");
    box.append(ui.all, button);
    made.append(box);
  }
  return made;
}

function draw(ui) {
  const data = ui.data, style = JSON.stringify(data.heads), root = ui.box.getRootNode(), focused = root.activeElement;
  const headed = style + JSON.stringify(ui.sort);
  if (ui.headed !== headed) {
    const row = node("tr");
    row.append(...[{ key: "run", title: "Run", kind: "text", help: data.help }, ...data.heads].map((head) => heading(ui, head)));
    ui.head.replaceChildren(row);
    ui.headed = headed;
  }
  ui.shown = sorted(data.rows, data.heads, ui.sort);
  const lines = [], before = ui.drawn;
  let group = "", again = null;
  ui.drawn = new Map();
  for (const run of ui.shown) {
    const said = style + JSON.stringify(run), old = before.get(run.id);
    const made = old?.said === said ? old : { said, ...line(ui, run, data.heads) };
    if (old && old.row.contains(focused)) again = focused === old.tick ? made.tick : made.name;
    if (!ui.sort && run.group && run.group !== group) {
      const head = node("tr", "group"), what = node("th", "", run.group);
      what.colSpan = data.heads.length + 1;
      head.append(what);
      lines.push(head);
    }
    group = run.group;
    ui.drawn.set(run.id, made);
    lines.push(made.row);
  }
  const same = lines.length === ui.body.children.length && lines.every((made, i) => made === ui.body.children[i]);
  if (!same) ui.body.replaceChildren(...lines);
  marks(ui);
  stops(ui);
  if (again && root.activeElement !== again) again.focus({ preventScroll: true });
}

function keys(ui, event) {
  const at = ui.shown.findIndex((run) => ui.drawn.get(run.id).row.contains(event.target)), last = ui.shown.length - 1;
  if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
  const { tick, name } = ui.drawn.get(ui.shown[at].id);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: last }[event.key];
  if (to !== undefined) ui.drawn.get(ui.shown[Math.max(0, Math.min(last, to))].id).name.focus();
  else if (event.key === " " && event.target === name) tick.click();
  else return;
  event.preventDefault();
}

function heard(ui) {
  clearTimeout(ui.timer);
  [ui.ticked, ui.told] = [new Set(ui.data.chosen), null];
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".root");
  const ui = remember(parentElement, () => {
    const made = { box: node("div", "box"), head: node("thead"), body: node("tbody"), all: node("input"), drawn: new Map(),
      shown: [], ticked: new Set(), told: null, timer: 0, later: 0, sort: null, wanted: null, said: null, at: null };
    const table = node("table");
    made.all.type = "checkbox";
    made.all.setAttribute("aria-label", "Tick all runs that are shown");
    made.all.onchange = () => made.tick(made.shown.map((run) => run.id), made.all.checked);
    made.box.onkeydown = (event) => keys(made, event);
    table.append(made.head, made.body);
    made.box.append(table);
    root.replaceChildren(made.box);
    made.went = () => {  // Back: what the address says then stands
      clearTimeout(made.later);
      [made.later, made.told, made.wanted, made.said] = [0, null, null, null];
    };
    addEventListener("popstate", made.went);
    return made;
  });
  ui.tick = (ids, on) => {
    for (const id of ids) on ? ui.ticked.add(id) : ui.ticked.delete(id);
    marks(ui);
    const told = [...ui.ticked];
    ui.told = String(told);
    clearTimeout(ui.timer);
    ui.timer = setTimeout(() => { heard(ui); marks(ui); }, HEARD);
    clearTimeout(ui.later);
    ui.later = setTimeout(() => { ui.later = 0; setTriggerValue("tick", told); }, PAUSE);
  };
  ui.order = (sort) => {
    [ui.wanted, ui.pressed] = [JSON.stringify(sort), performance.now()];
    setTriggerValue("sort", sort ?? {});
  };
  // The order is that of the address; but what was pressed stands until Python has heard of it.
  const said = JSON.stringify(data.sort);
  if (said === ui.wanted || performance.now() - ui.pressed > HEARD) ui.wanted = null;
  if (ui.wanted === null && said !== ui.said) [ui.sort, ui.said] = [data.sort, said];
  ui.data = data;
  ui.box.firstChild.setAttribute("aria-label", data.label);
  if (ui.told === null || (!ui.later && ui.told === String(data.chosen))) heard(ui);
  draw(ui);
  return whenGone(parentElement, () => removeEventListener("popstate", ui.went));
}
