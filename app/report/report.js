// Draws the charts of a report; colours follow the reader's theme. `resolve` is the dashboard's own (elements/shared.js).
const cards = JSON.parse(document.getElementById("cards").textContent);
const plots = [...document.querySelectorAll(".plot")];
const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const harmless = (t) => ({ ...t, ...(t.name && { name: escaped(t.name) }), ...(Array.isArray(t.text) && { text: t.text.map(escaped) }) });
const drawAll = () => plots.forEach((plot) => {
  const { traces, layout } = cards[Number(plot.dataset.card)];
  const shown = traces.map((t) => resolve(document.body, harmless(t)));
  Plotly.react(plot, shown, resolve(document.body, layout), { displaylogo: false, responsive: true });
});
drawAll();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
