// Draws nothing: on a page without charts it loads Plotly when there is nothing else to do, for the page that is opened next.
export default function () {
  if (window.showdownWarm) return;
  window.showdownWarm = true;
  (window.requestIdleCallback ?? setTimeout)(() => loadPlotly().catch(() => {}));
}
