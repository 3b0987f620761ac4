// Plotly as it is installed, loaded once for a page's whole life: half a second of fetching, another of reading it.
const loadPlotly = () => window.showdownPlotly ??= new Promise((done, failed) => {
  const script = document.createElement("script");
  script.src = new URL("app/static/plotly.min.js", document.baseURI).href;
  script.onload = () => done(window.Plotly);
  script.onerror = () => { window.showdownPlotly = undefined; failed(new Error("plotly.min.js did not load")); };
  document.head.append(script);
});
