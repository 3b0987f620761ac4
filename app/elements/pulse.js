// The pulse of a live page: draws nothing. When there is something newer than what is drawn, and somebody looks, it says so.
const AGAIN = 5000;  // ms until it says so once more, should the first word have been lost

export default function ({ data, parentElement, setTriggerValue }) {
  const ui = remember(parentElement, () => ({ told: "", at: 0 }));
  if (data.version === data.drawn || document.hidden) return;
  if (ui.told === data.version && Date.now() - ui.at < AGAIN) return;
  ui.told = data.version;
  ui.at = Date.now();
  setTriggerValue("moved", true);
}
