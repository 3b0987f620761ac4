// The pulse of a live page: draws nothing. When the run has moved on from what is drawn, and somebody looks, it says so, but
// not more often than the page wants: charts have their own feed, and what Python draws beside them may be a little older.
const AGAIN = 8000;  // ms until it says so once more, should the word have been lost

function took(ui, bytes) {
  if (bytes) ui.head = unpack(bytes).head;
  const now = ui.head?.version;
  if (ui.head?.kind === "gone") ui.head = undefined;
  else if (!now || now === ui.drawn) return;
  const since = Date.now() - ui.at;
  if (since < ui.spacing || (ui.told === now && since < AGAIN)) return;
  ui.told = now;
  ui.at = Date.now();
  ui.tell();
}

// No chart in view waits to be drawn for the first time. Of one that is just mounted nobody knows yet whether it is in view.
const chartsAreOut = () => ![...(window.showdownCharts ?? [])].some((ui) => ui.visible !== false && !ui.shown && ui.says.hidden);

export default function ({ data, parentElement, setTriggerValue }) {
  const ui = remember(parentElement, () => {
    const made = { told: "", at: 0, head: undefined, drawn: "" };
    made.asks = () => (made.last && !chartsAreOut() ? null : [made.token, made.head?.version ?? ""]);
    made.took = (bytes) => took(made, bytes);
    return made;
  });
  const { token, drawn, last, spacing } = data;
  Object.assign(ui, { token, drawn, last, spacing, tell: () => setTriggerValue("moved", true) });
  feed().add(ui);
  return whenGone(parentElement, () => feed().remove(ui));
}
