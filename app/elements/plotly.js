// At each drawing plotly walks the whole schema of a trace for where its arrays stand: a fifth of what a live page takes. They
// stand where they stand in other traces of the same make.
const makeOf = (value) => ArrayBuffer.isView(value) || Array.isArray(value) ? "[]" : value === null || typeof value !== "object" ? ""
  : `{${Object.keys(value).map((key) => key + makeOf(value[key]))}}`;
const withMemory = (Plotly) => {
  const schema = Plotly.PlotSchema, walk = schema.findArrayAttributes, known = new Map();
  schema.findArrayAttributes = (trace) => {
    if (!trace._input) return walk(trace);
    const make = `${trace.type} ${trace.mode} ${makeOf(trace._input)}`;
    if (!known.has(make)) known.set(make, walk(trace));
    return known.get(make);
  };
  return Plotly;
};
// Plotly as it is installed, loaded once for a page's whole life: half a second of fetching, another of reading it.
const loadPlotly = () => window.showdownPlotly ??= new Promise((done, failed) => {
  const script = document.createElement("script");
  script.src = new URL("app/static/plotly.min.js", document.baseURI).href;
  script.onload = () => done(withMemory(window.Plotly));
  script.onerror = () => { window.showdownPlotly = undefined; failed(new Error("plotly.min.js did not load")); };
  document.head.append(script);
});
