// Chart card: Plotly.react on one node that lives as long as the card, so zoom, hover and hidden lines survive every update.
// Python gives it a token; it asks the feed (feed.js) for what it lacks, once or as long as it is live, while it is on screen.
const NEAR = "240px";  // a card this close to the window counts as on screen, so that it is drawn before it is seen
const RESET = { displayModeBar: false, responsive: false, doubleClick: false, scrollZoom: false };

function button(name, text, label, act) {
  const made = node("button", name, text);
  made.type = "button";
  made.setAttribute("aria-label", label);
  made.title = label;
  made.onclick = act;
  return made;
}

function build(root) {
  const ui = { root, card: node("section", "card"), head: node("div", "head"), title: node("h3"), tip: node("button", "tip", "i"),
    now: node("span", "now"), sub: node("p", "sub"), legend: node("div", "legend"), plot: node("div", "plot"), says: node("p", "says"),
    menu: node("div", "menu"), hidden: new Set(), received: undefined, zoom: {}, revision: 0, drawn: Promise.resolve(),
    token: "", live: false, behind: false, lost: false };
  loadPlotly().catch(() => {});  // while the first points are on their way
  ui.tip.type = "button";
  ui.follow = button("follow", "follow", "Back to the whole run: the chart follows the newest step again", () => follow(ui));
  ui.more = button("more", "\u22ef", "Save or enlarge this chart", () => openMenu(ui, ui.menu.hidden));
  ui.more.setAttribute("aria-expanded", "false");
  ui.menu.append(...[["PNG", () => picture(ui, "png")], ["SVG", () => picture(ui, "svg")], ["CSV", () => table(ui)],
    ["Enlarge", () => (document.fullscreenElement ? document.exitFullscreen() : ui.card.requestFullscreen())]]
    .map(([text, act]) => button("item", text, text, () => { openMenu(ui, false); act(); })));
  ui.menu.hidden = ui.follow.hidden = ui.says.hidden = true;
  ui.card.onkeydown = (event) => { if (event.key === "Escape" && !ui.menu.hidden) { openMenu(ui, false); ui.more.focus(); } };
  ui.card.onfocusout = (event) => { if (!ui.card.contains(event.relatedTarget)) openMenu(ui, false); };
  ui.head.append(ui.title, ui.tip, ui.now, ui.follow, ui.more, ui.menu);
  ui.card.append(ui.head, ui.sub, ui.legend, ui.plot, ui.says);
  root.replaceChildren(ui.card);
  ui.plot.setAttribute("role", "img");
  // After a draw plotly hovers again by the last move it saw. Its target is by then what it is outside the shadow root, the whole
  // card: measured from that corner a resting pointer would lose what it shows with every step.
  ui.plot.addEventListener("mousemove", (move) => Object.defineProperty(move, "target", { value: move.target }), true);
  ui.resized = new ResizeObserver(() => { if (ui.bound && ui.plot.clientWidth) window.Plotly.Plots.resize(ui.plot); });
  ui.resized.observe(ui.plot);
  ui.seen = new IntersectionObserver((entries) => onScreen(ui, entries.at(-1).isIntersecting), { rootMargin: NEAR });
  ui.seen.observe(ui.card);
  ui.watcher = { asks: () => asks(ui), took: (bytes) => took(ui, bytes), failed: (error) => failed(ui, error.message),
    top: () => ui.card.getBoundingClientRect().top,
    settled: async () => { await ui.drawn; const { drew } = ui; ui.drew = undefined; return drew; } };
  return ui;
}

// What the feed is told that this card has; null when it wants nothing.
function asks(ui) {
  if (!ui.visible || !(ui.live || ui.behind)) return null;
  ui.asked = ui.token;
  if (!ui.received || ui.lost) return [ui.token];
  const { version, epoch, length, frame } = ui.received;
  return [ui.token, version, epoch, length, frame];
}

function took(ui, bytes) {
  if (ui.asked !== ui.token) return feed().soon();  // of what the card showed before: it was asked while another was chosen
  ui.drew = undefined;  // what a press had drawn since the last round is not of this one
  const kind = bytes && unpack(bytes).head;
  if (kind?.kind === "fault") return failed(ui, kind.said);
  if (kind?.kind === "gone") { ui.behind = ui.live = false; return ui.gone(); }
  ui.behind = false;
  if (!bytes) return;
  const { now, fresh, lost } = receive(ui.received, bytes);
  if (fresh && ui.received && axes(ui.received.card) !== axes(now.card)) unzoom(ui);  // a range of steps is none of minutes
  if (!ui.received) comeBack(ui, now.card);
  ui.received = now;
  ui.lost = lost;
  if (lost) { ui.behind = true; feed().soon(); }
  if (fresh) { drawHead(ui); draw(ui); }
}

// What is drawn stays; a card that is still empty says why.
function failed(ui, why) {
  if (ui.received) return;
  ui.says.textContent = `The chart could not be loaded: ${why}. It is asked for again.`;
  ui.says.hidden = false;
}

function onScreen(ui, visible) {
  if (ui.visible === visible) return;
  ui.visible = visible;
  if (visible && ui.late) draw(ui);
  if (visible && asks(ui)) feed().soon();
}

function openMenu(ui, open) {
  ui.menu.hidden = !open;
  ui.more.setAttribute("aria-expanded", String(open));
  if (open) ui.menu.firstChild.focus();
}

function drawHead(ui) {
  const { card } = ui.received;
  ui.card.style.height = `${card.height}px`;
  ui.title.textContent = card.title;
  ui.tip.hidden = !card.help;
  ui.tip.dataset.text = (card.help ?? "").replaceAll("`", "");  // written for markdown too
  ui.tip.setAttribute("aria-label", ui.tip.dataset.text);
  ui.now.textContent = card.now ?? "";
  ui.sub.textContent = card.sub ?? "";
  ui.sub.hidden = !card.sub;
  ui.plot.setAttribute("aria-label", card.alt ?? card.title);
  drawLegend(ui);
}

function drawLegend(ui) {
  const names = ui.received.card.legend ?? [], said = JSON.stringify([names, [...ui.hidden]]);
  if (ui.legendSaid === said) return;  // with each step: it would take a press and the focus away
  ui.legendSaid = said;
  ui.legend.hidden = !names.length;
  ui.legend.replaceChildren(...names.map(({ name, role, mark }) => {
    const entry = node("button", `entry ${mark ?? "line"}`), swatch = node("i");
    swatch.style.color = `var(--${role})`;
    entry.append(swatch, node("span", "", name));
    entry.type = "button";
    entry.setAttribute("aria-pressed", String(!ui.hidden.has(name)));
    entry.onclick = () => {
      if (!ui.hidden.delete(name)) ui.hidden.add(name);
      const at = names.findIndex((n) => n.name === name);
      drawLegend(ui);
      ui.legend.children[at].focus();
      draw(ui);
    };
    return entry;
  }));
}

// Plotly reads some HTML in names and texts; a name is only a name.
const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const named = (t) => ({ ...(t.name && { name: plain(t.name) }), ...(Array.isArray(t.text) && { text: t.text.map(plain) }) });

const ticked = ([key, v]) => [key, /^[xy]axis/.test(key) && v?.ticktext ? { ...v, ticktext: v.ticktext.map(plain) } : v];

// A layer of a stack answers with its own value: not with the 0 of the half on the other side of zero, nor where it has none.
// Both halves have the same points (app.live.chart_protocol).
function answers(t, traces) {
  if (!t.stackgroup || t.hoverinfo) return {};
  const half = t.stackgroup === "above" && traces.find((o) => o.stackgroup === "below" && o.legendgroup === t.legendgroup);
  const says = (y, i) => (t.stackgroup === "below" ? y < 0 : half ? y > 0 || half.y[i] === 0 : Number.isFinite(y));
  const heard = Array.from(t.y, (y, i) => (says(y, i) ? "y+name" : "none"));
  return { hoverinfo: heard.includes("none") ? heard : "y+name" };  // of "all" plotly makes pairs beside layers that are silent
}

// A line of one point, as every line is after a run's first step, would not be seen.
const dot = (t) => (t.y?.length === 1 && t.mode === "lines" && t.hoverinfo !== "skip"
  ? { mode: "lines+markers", marker: { size: 5, color: t.fillcolor ?? t.line?.color } } : {});

// The figure as plotly takes it: roles as colours of the theme in force, hidden lines hidden. Arrays are shared, not copied.
const figure = (ui) => {
  const { traces, layout } = ui.received.card;
  const shown = traces.map((t) => ({ ...t, ...named(t), ...dot(t), ...answers(t, traces), visible: !ui.hidden.has(t.legendgroup ?? t.name) }));
  const safe = Object.fromEntries(Object.entries(layout).map(ticked));
  Object.entries(ui.zoom).forEach(([axis, range]) => { safe[axis] = { ...safe[axis], range }; });
  return [resolve(ui.root, shown), { ...resolve(ui.root, safe), uirevision: `kept-${ui.revision}` }];
};

const turn = window.showdownTurn ??= { last: Promise.resolve() };  // of all charts of the page
function draw(ui) {
  // Nothing is drawn where nobody looks. One draw after the other: a react that overtook another would leave the older. When a
  // page opens the first chart is seen before the last is drawn; later all are painted at once, which costs a third less.
  ui.late = !ui.visible;
  if (ui.late) return;
  ui.drawn = turn.last = turn.last.then(loadPlotly).then(async (Plotly) => {
    if (!linked.has(ui)) return;  // its page was left while it waited for its turn
    if (!ui.visible) { ui.late = true; return; }
    const began = performance.now();
    await Plotly.react(ui.plot, ...figure(ui), RESET);
    ui.drew = [began, performance.now()];
    if (!ui.bound) { bind(ui); await new Promise((done) => { setTimeout(done); }); }
    if (hovered.x !== undefined) hoverToo(ui);
    ui.says.hidden = true;
    ui.shown = ui.received.version;
  }).catch((error) => { ui.says.textContent = `The chart could not be drawn: ${error.message}`; ui.says.hidden = false; });
}

function bind(ui) {
  ui.bound = true;
  ui.plot.on("plotly_relayout", (change) => {
    const changed = Object.keys(change).map((k) => k.match(/^([xy]axis\d*)\.range/)?.[1]).filter(Boolean);
    changed.forEach((axis) => { ui.zoom[axis] = [...ui.plot.layout[axis].range]; });
    if (changed.length) ui.follow.hidden = false;
  });
  ui.plot.on("plotly_doubleclick", () => follow(ui));
  ui.plot.on("plotly_hover", ({ xvals }) => hoverOthers(ui, xvals?.[0]));
  ui.plot.on("plotly_unhover", () => hoverOthers(ui, undefined));
}

const axes = ({ axis, layout }) => `${axis} ${layout.yaxis?.type ?? "linear"}`;

// What the reader had set, of charts whose page or tab was left: it is there again when they come back.
const left = window.showdownLeft ??= new Map();
function leaveView(ui) {
  left.delete(ui.token);
  if (ui.received) left.set(ui.token, { zoom: ui.zoom, hidden: ui.hidden, axes: axes(ui.received.card) });
}

function comeBack(ui, card) {
  const view = left.get(ui.token);
  if (view?.axes !== axes(card)) return;
  Object.assign(ui, { zoom: view.zoom, hidden: view.hidden });
  ui.follow.hidden = !Object.keys(ui.zoom).length;
}

function unzoom(ui) {
  ui.zoom = {};
  ui.follow.hidden = true;
  ui.revision += 1;  // plotly forgets what the reader had set
}

function follow(ui) {
  unzoom(ui);
  draw(ui);
}

// Charts over the same axis answer together: hovering one shows the same step in every other that is on screen.
const linked = window.showdownCharts ??= new Set();
const hovered = window.showdownHovered ??= { ui: undefined, x: undefined };  // by the pointer itself
function hoverOthers(ui, x) {
  if (!ui.received.card.axis) return;
  Object.assign(hovered, { ui, x });
  cancelAnimationFrame(window.showdownHover);
  window.showdownHover = requestAnimationFrame(() => linked.forEach(hoverToo));
}

function hoverToo(other) {
  const { ui, x } = hovered;
  if (other === ui || !other.visible || !other.bound || other.received.card.axis !== ui.received.card.axis) return;
  // The last argument keeps the other chart from telling it on.
  if (x === undefined) window.Plotly.Fx.unhover(other.plot, undefined, undefined, true);
  else window.Plotly.Fx.hover(other.plot, { xval: x }, "xy", true);
}

const save = (url, name) => Object.assign(document.createElement("a"), { href: url, download: name }).click();
const fileName = (ui, kind) => `${ui.received.card.title.toLowerCase().replace(/[^a-z0-9]+/g, "-")}.${kind}`;

// Each name of the card's legend once, at the last of its lines: the one drawn over the others.
const inLegend = (data, names) => data.map((t, i) => {
  const key = t.legendgroup ?? t.name, last = data.findLastIndex((other) => (other.legendgroup ?? other.name) === key) === i;
  return { ...t, name: plain(key ?? ""), showlegend: last && names.some(({ name }) => name === key) };
});

async function picture(ui, kind) {
  const [drawn, layout] = figure(ui), ink = colourOf(ui.root, "@ink"), { legend = [], title, axis } = ui.received.card;
  const data = inLegend(drawn.map((t, i) => ({ ...t, name: ui.received.card.traces[i].name })), legend);
  const xaxis = { ...layout.xaxis, range: ui.plot.layout.xaxis.range, title: { text: axis ?? "", standoff: 4, font: { color: ink } } };
  const titled = { ...layout, xaxis, paper_bgcolor: colourOf(ui.root, "@card"),
    showlegend: legend.length > 0, legend: { orientation: "h", y: -0.2, font: { color: ink } },
    title: { text: plain(title), x: 0.02, font: { size: 15, color: ink } }, margin: { ...layout.margin, t: 44, r: 24, b: 44 } };
  const size = { width: Math.max(ui.plot.clientWidth, 640), height: Math.max(ui.plot.clientHeight + 60, 360) };
  save(await window.Plotly.toImage({ data, layout: titled }, { format: kind, ...size, scale: 2 }), fileName(ui, kind));
}

// Every point, those that are not drawn too: Python has them.
function table(ui) {
  save(new URL(`showdown/table/${ui.token}`, document.baseURI).href, fileName(ui, "csv"));
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".root");
  const ui = remember(parentElement, () => build(root));
  ui.gone = () => setTriggerValue("gone", true);
  linked.add(ui);
  const scheme = getComputedStyle(root).colorScheme, flipped = ui.scheme !== scheme;
  ui.scheme = scheme;
  Object.assign(ui, { token: data.token, live: data.live, behind: true });
  if (!ui.received) {
    ui.card.style.height = `${data.height}px`;
    ui.title.textContent = data.title;
    ui.plot.setAttribute("aria-label", data.title ?? "");
  }
  else if (flipped) { drawHead(ui); draw(ui); }
  feed().add(ui.watcher);
  if (ui.visible) feed().soon();
  return whenGone(parentElement, () => {
    ui.resized.disconnect();
    ui.seen.disconnect();
    leaveView(ui);
    linked.delete(ui);
    if (hovered.ui === ui) hovered.x = undefined;
    feed().remove(ui.watcher);
  });
}
