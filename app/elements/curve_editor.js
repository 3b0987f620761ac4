// Curve editor: one schedule drawn over the run, taken hold of by its handles; the other terms pale behind it; the step looked
// at, and what the mix is made of there. It keeps its own state while something moves and tells Python when that is let go.
const SVG = "http://www.w3.org/2000/svg";
const shape = (tag, attributes) => {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
};

function build(root) {
  const ui = { plot: node("div", "plot"), svg: shape("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" }),
    ylabels: node("div", "ylabels"), xlabels: node("div", "xlabels"), look: node("div", "look"), said: node("span", "said"),
    handles: [], note: node("p", "note"), head: node("h4"), bar: node("div", "bar"), legend: node("div", "legend"), n: 0, told: -Infinity, timer: 0 };
  ui.look.append(ui.said);
  ui.look.tabIndex = 0;
  ui.look.setAttribute("role", "slider");
  ui.look.setAttribute("aria-label", "Look at step");
  ui.plot.append(ui.svg, ui.look);
  const frame = node("div", "frame");
  frame.append(ui.ylabels, ui.plot, ui.xlabels);
  root.replaceChildren(frame, ui.note, ui.head, ui.bar, ui.legend);
  return ui;
}

// The numbers in force: the hard side's share, a term's own weight, and both together.
const shareAt = (ui, step) => ui.data.only ? Number(ui.data.only === "hard") : valueOf(ui, "blend", ui.data.blend, step);
const valueOf = (ui, name, s, step) => (name === ui.data.target ? valueAt(ui.curve, step / ui.scale) : valueAt(s, step));
const factorAt = (ui, term, step) => {
  const share = shareAt(ui, step), side = { hard: share, continuous: 1 - share, always: 1 }[term.side];
  return side * valueOf(ui, term.name, term.weight, step);
};

const X = (ui, step) => (100 * step) / ui.data.max;
const Y = (ui, value) => 100 - (100 * (value - ui.data.low)) / (ui.data.high - ui.data.low);
const path = (ui, at) => {
  const bends = [ui.curve, ui.data.blend ?? 0, ...ui.data.terms.map((t) => t.weight)].flatMap((s, i) => bendsOf(s).map((b) => (i ? b : b * ui.scale)));
  const steps = [...Array.from({ length: 161 }, (_, i) => (i * ui.data.max) / 160), ...bends.filter((b) => b > 0 && b < ui.data.max)].sort((a, b) => a - b);
  return steps.map((step, i) => `${i ? "L" : "M"}${X(ui, step).toFixed(3)} ${Y(ui, at(step)).toFixed(3)}`).join("");
};
const line = (ui, at, role, name) => shape("path", { d: path(ui, at), class: name, style: `stroke: var(--${role})` });

function drawCurves(ui) {
  const { data } = ui, parts = [];
  for (const value of data.ticks) parts.push(shape("path", { d: `M0 ${Y(ui, value)}H100`, class: "grid" }));
  if (data.target === "blend") {
    const edge = path(ui, (s) => shareAt(ui, s));
    parts.push(shape("rect", { x: 0, y: 0, width: 100, height: 100, class: "area", style: "fill: var(--continuous)" }));
    parts.push(shape("path", { d: `${edge}V100H0Z`, class: "under" }), shape("path", { d: `${edge}V100H0Z`, class: "area", style: "fill: var(--hard)" }));
    for (const t of data.terms) parts.push(line(ui, (s) => factorAt(ui, t, s), t.role, "pale"));
    parts.push(line(ui, (s) => shareAt(ui, s), "ink", "main"));
  } else {
    for (const t of data.terms) if (t.name !== data.target) parts.push(line(ui, (s) => valueOf(ui, t.name, t.weight, s), t.role, "pale"));
    const mine = data.terms.find((t) => t.name === data.target);
    parts.push(line(ui, (s) => factorAt(ui, mine, s), mine.role, "factor"), line(ui, (s) => valueAt(ui.curve, s / ui.scale), mine.role, "main"));
  }
  if (ui.curve.type === "adaptive") {  // the run draws it, somewhere between its bounds
    const [top, bottom] = [Y(ui, Math.max(ui.curve.start, ui.curve.end)), Y(ui, Math.min(ui.curve.start, ui.curve.end))];
    parts.push(shape("rect", { x: 0, y: top, width: 100, height: bottom - top, class: "between" }), line(ui, () => ui.curve.end, "ink3", "factor"));
  }
  ui.svg.replaceChildren(...parts);
}

const percent = (x) => `${Math.round(100 * x)} %`;
function drawLook(ui) {
  const step = ui.at, share = shareAt(ui, step);
  const said = ui.data.target === "blend" ? `${percent(share)} hard` : `${ui.data.target} ${fixed(valueOf(ui, ui.data.target, 0, step))}`;
  ui.look.style.left = `${X(ui, step)}%`;
  ui.said.textContent = `step ${step}: ${said}`;
  ui.said.style.setProperty("--shift", `${-clamp(X(ui, step), 14, 86)}%`);
  ui.said.className = "said";
  for (const [name, value] of Object.entries({ valuemin: 0, valuemax: ui.data.max, valuenow: step, valuetext: ui.said.textContent })) ui.look.setAttribute(`aria-${name}`, value);
  ui.head.textContent = `Composition at step ${step}`;
  ui.head.title = "Of each term: its weight times its side's share of the blend";
  const parts = ui.data.terms.map((t) => ({ ...t, size: factorAt(ui, t, step) }));
  ui.bar.replaceChildren(...parts.map((t) => {
    const made = node("i");
    made.style.cssText = `flex: ${Math.abs(t.size)} 0 0; background: var(--${t.role})`;
    return made;
  }));
  ui.legend.replaceChildren(...parts.map((t) => {
    const entry = node("span"), square = node("i", "square");
    square.style.background = `var(--${t.role})`;
    entry.append(square, node("span", "", t.name), node("b", "", fixed(t.size)));
    return entry;
  }));
}

function drawHandles(ui) {
  const found = handlesOf(ui.curve, ui.data.max / ui.scale);
  while (ui.handles.length > found.length) ui.handles.pop().remove();
  while (ui.handles.length < found.length) {
    const made = node("button", "handle");
    made.type = "button";
    made.setAttribute("role", "slider");
    ui.handles.push(made);
    ui.plot.append(made);
    hold(ui, made);
  }
  found.forEach((h, i) => {
    const step = h.x * ui.scale, said = `step ${+step.toFixed(2)}, ${fixed(h.y)}`;
    ui.handles[i].style.left = `${clamp(X(ui, step), 0, 100)}%`;
    ui.handles[i].style.top = `${clamp(Y(ui, h.y), 0, 100)}%`;
    ui.handles[i].title = `${h.name}: ${said}`;
    for (const [name, value] of Object.entries({ label: h.name, valuemin: ui.data.low, valuemax: ui.data.high, valuenow: h.y, valuetext: said })) ui.handles[i].setAttribute(`aria-${name}`, value);
  });
}

const draw = (ui) => { drawCurves(ui); drawLook(ui); drawHandles(ui); };
const ECHO_MS = 10000;  // so long what was told is waited for; then Python's word counts, it may have begun anew
const tell = (ui) => {
  clearTimeout(ui.timer);
  ui.timer = 0;
  ui.n += 1;
  ui.told = performance.now();
  ui.send("moved", { n: ui.n, curve: ui.curve, look: ui.at });
};
const tellSoon = (ui) => { clearTimeout(ui.timer); ui.timer = setTimeout(() => tell(ui), 350); };
const newer = (ui, data) => ui.dragging || ui.timer || (data.seen < ui.n && performance.now() - ui.told < ECHO_MS);

// A pointer takes hold of something: `moved` is called with how far it went, as shares of the plot.
function drag(ui, what, moved) {
  what.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    const box = ui.plot.getBoundingClientRect(), from = moved.begin();
    what.setPointerCapture(event.pointerId);
    what.focus();
    event.preventDefault();
    ui.dragging = true;
    let far = false;
    what.onpointermove = (e) => {
      const dx = (e.clientX - event.clientX) / box.width, dy = (e.clientY - event.clientY) / box.height;
      far ||= Math.abs(e.clientX - event.clientX) + Math.abs(e.clientY - event.clientY) > 2;
      if (far) { moved.to(from, dx, dy); draw(ui); }
    };
    what.onpointerup = what.onpointercancel = () => {
      what.onpointermove = what.onpointerup = what.onpointercancel = null;
      ui.dragging = false;
      if (far) tell(ui);
    };
  });
}

const rounded = (value, unit) => Number((Math.round(value / unit) * unit).toFixed(6));
const lookAt = (ui, step) => { ui.at = clamp(Math.round(step), 0, ui.data.max); };
function hold(ui, handle) {
  const which = () => handlesOf(ui.curve, ui.data.max / ui.scale)[ui.handles.indexOf(handle)];
  const to = (h, x, y) => { ui.curve = h.move(h.fixed ? h.x : Math.max(x, 0), h.level ? h.y : clamp(y, ui.data.floor ?? ui.data.low, ui.data.roof ?? ui.data.high)); };
  drag(ui, handle, { begin: which, to: (h, dx, dy) => {
    const x = h.x + (dx * ui.data.max) / ui.scale, y = h.y - dy * (ui.data.high - ui.data.low);
    to(h, Math.abs(dx) < 0.004 ? h.x : rounded(Math.min(x, Math.max(h.x, ui.data.max / ui.scale)), 1), Math.abs(dy) < 0.01 ? h.y : rounded(y, 0.01));
  } });
  handle.addEventListener("keydown", (event) => {
    const h = which(), size = event.shiftKey ? 10 : 1;
    const [dx, dy] = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 0.01], ArrowDown: [0, -0.01], PageUp: [0, 0.1], PageDown: [0, -0.1] }[event.key] ?? [0, 0];
    if (dx || dy) to(h, h.x + dx * size, dy ? rounded(h.y + dy * size, 0.01) : h.y);
    else if (event.key === "Delete" && h.point !== undefined && ui.curve.points.length > 1) ui.curve = withoutPoint(ui.curve, h.point);
    else if (event.key === "Enter" && h.point !== undefined) addAfter(ui, h);
    else return;
    event.preventDefault();
    draw(ui);
    tellSoon(ui);
  });
}

function addAfter(ui, h) {
  const next = ui.curve.points[h.point + 1]?.[0] ?? ui.data.max / ui.scale;
  const x = h.x + (next - h.x) / 2;
  if (x > h.x && x < next) ui.curve = withPoint(ui.curve, rounded(x, 0.01), rounded(valueAt(ui.curve, x), 0.01));
}

function listen(ui) {
  drag(ui, ui.look, { begin: () => ui.at, to: (at, dx) => lookAt(ui, at + dx * ui.data.max) });
  ui.look.addEventListener("keydown", (event) => {
    const move = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10, Home: -ui.data.max, End: ui.data.max }[event.key];
    if (!move) return;
    event.preventDefault();
    lookAt(ui, ui.at + move);
    draw(ui);
    tellSoon(ui);
  });
  ui.plot.addEventListener("dblclick", (event) => {
    if (ui.curve.type !== "piecewise" || event.target.closest(".handle")) return;
    const box = ui.plot.getBoundingClientRect(), x = rounded(((event.clientX - box.left) / box.width) * ui.data.max / ui.scale, 1);
    const y = ui.data.high - ((event.clientY - box.top) / box.height) * (ui.data.high - ui.data.low);
    if (ui.curve.points.some(([at]) => at === x)) return;
    ui.curve = withPoint(ui.curve, x, rounded(y, 0.01));
    draw(ui);
    tell(ui);
  });
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".root");
  const ui = remember(parentElement, () => { const made = build(root); listen(made); return made; });
  ui.send = setTriggerValue;
  root.classList.toggle("old", !!data.old);
  root.inert = !!data.old;  // what is moved would put the numbers of before in the place of those being typed
  if (newer(ui, data)) return () => {};  // what is under the hand or still on its way
  Object.assign(ui, { data, n: data.seen, curve: data.curve, at: data.look, scale: data.max / data.last });
  ui.ylabels.replaceChildren(...data.ticks.map((value) => {
    const made = node("span", "", data.target === "blend" ? percent(value) : String(+value.toFixed(2)));
    made.style.top = `${Y(ui, value)}%`;
    return made;
  }));
  ui.xlabels.replaceChildren(...data.steps.map((step) => {
    const made = node("span", "", String(step));
    made.style.left = `${X(ui, step)}%`;
    return made;
  }));
  ui.plot.setAttribute("role", "group");
  ui.plot.setAttribute("aria-label", data.alt);
  ui.note.textContent = data.note;
  draw(ui);
  return () => {};
}
