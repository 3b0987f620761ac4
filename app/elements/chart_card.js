// Chart card: Plotly.react on one node that lives as long as the card, so zoom and hover survive every update.
const loadPlotly = () => window.showdownPlotly ??= new Promise((done, failed) => {
  const script = document.createElement("script");
  script.src = new URL("app/static/plotly.min.js", document.baseURI).href;
  script.onload = () => done(window.Plotly);
  script.onerror = () => { window.showdownPlotly = undefined; failed(new Error("plotly.min.js did not load")); };
  document.head.append(script);
});

function build(root) {
  const ui = { card: node("section", "card"), head: node("div", "head"), title: node("h3"), tip: node("button", "tip", "i"),
    now: node("span", "now"), sub: node("p", "sub"), legend: node("div", "legend"), plot: node("div", "plot"),
    hidden: new Set(), data: null, drawn: Promise.resolve() };
  ui.tip.type = "button";
  ui.head.append(ui.title, ui.tip, ui.now);
  ui.card.append(ui.head, ui.sub, ui.legend, ui.plot);
  root.replaceChildren(ui.card);
  ui.plot.setAttribute("role", "img");
  ui.observer = new ResizeObserver(() => { if (ui.plot.classList.contains("js-plotly-plot")) window.Plotly.Plots.resize(ui.plot); });
  ui.observer.observe(ui.plot);
  return ui;
}

function drawLegend(root, ui) {
  ui.legend.replaceChildren(...(ui.data.legend ?? []).map(({ name, role, mark }) => {
    const entry = node("button", `entry ${mark ?? "line"}`);
    const swatch = node("i");
    swatch.style.color = `var(--${role})`;
    entry.append(swatch, node("span", "", name));
    entry.type = "button";
    entry.setAttribute("aria-pressed", String(!ui.hidden.has(name)));
    entry.onclick = () => { if (!ui.hidden.delete(name)) ui.hidden.add(name); drawLegend(root, ui); draw(root, ui); };
    return entry;
  }));
  ui.legend.hidden = !(ui.data.legend ?? []).length;
}

function draw(root, ui) {
  // One draw after the other: a react that overtakes another would leave the older figure.
  ui.drawn = ui.drawn.then(loadPlotly).then((Plotly) => {
    const { traces, layout } = ui.data;
    const shown = traces.map((t) => ({ ...t, visible: !ui.hidden.has(t.legendgroup ?? t.name) }));
    const config = { displayModeBar: false, responsive: false, doubleClick: "reset" };
    return Plotly.react(ui.plot, resolve(root, shown), resolve(root, layout), config);
  }).catch((error) => { ui.sub.textContent = `The chart could not be drawn: ${error.message}`; ui.sub.hidden = false; });
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".root");
  const ui = remember(parentElement, () => build(root));
  ui.data = data;
  ui.card.style.height = `${data.height}px`;
  ui.title.textContent = data.title;
  ui.tip.hidden = !data.help;
  ui.tip.setAttribute("aria-label", data.help ?? "");
  ui.tip.dataset.text = data.help ?? "";
  ui.now.textContent = data.now ?? "";
  ui.sub.textContent = data.sub ?? "";
  ui.sub.hidden = !data.sub;
  ui.plot.setAttribute("aria-label", data.alt ?? data.title);
  drawLegend(root, ui);
  draw(root, ui);
  return () => { ui.observer.disconnect(); memory.delete(parentElement); };
}
