// Step bar: a heat row, one cell a step; click, arrows and Page keys choose a step and tell Python.
function build(root) {
  const ui = { card: node("section", "card"), head: node("div", "head"), step: node("b"), value: node("span"),
    scale: node("span", "scale"), row: node("div", "row") };
  ui.head.append(ui.step, ui.value, ui.scale);
  ui.card.append(ui.head, ui.row);
  root.replaceChildren(ui.card);
  ui.row.tabIndex = 0;
  ui.row.setAttribute("role", "slider");
  ui.row.setAttribute("aria-label", "training step");
  return ui;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".root");
  const ui = remember(parentElement, () => build(root));
  const { values, total, chosen, low, high, label } = data;  // values[i]: of step i + 1
  const cells = Math.min(total, 200), per = total / cells;
  const pick = (step) => {
    const wanted = Math.max(1, Math.min(values.length, step));
    if (wanted !== data.chosen) setTriggerValue("step", wanted);
  };
  ui.step.textContent = `Step ${chosen}`;
  const at = values[chosen - 1];
  ui.value.textContent = at === undefined || at === null ? "" : `${label} ${at.toFixed(3)}`;
  ui.scale.textContent = values.length ? `${label} ${low.toFixed(2)} \u2013 ${high.toFixed(2)}, stronger is higher` : "";
  ui.row.style.setProperty("--cells", cells);
  while (ui.row.children.length > cells) ui.row.lastChild.remove();
  while (ui.row.children.length < cells) ui.row.append(node("i"));
  for (let c = 0; c < cells; c++) {
    const first = Math.floor(c * per), last = Math.max(first, Math.floor((c + 1) * per) - 1);
    const value = values[Math.min(last, values.length - 1)], cell = ui.row.children[c];
    const known = first < values.length && value !== null && value !== undefined;
    const heat = high > low ? (value - low) / (high - low) : 1;
    cell.style.background = known ? `color-mix(in oklab, var(--accent) ${12 + 88 * heat}%, var(--heat0))` : "transparent";
    cell.className = (known ? "known" : "") + (chosen - 1 >= first && chosen - 1 <= last ? " chosen" : "");
    cell.title = known ? `step ${last + 1}: ${value.toFixed(3)}` : "";
    cell.onclick = () => { if (first < values.length) pick(Math.min(last, values.length - 1) + 1); };
  }
  ui.row.setAttribute("aria-valuemin", "1");
  ui.row.setAttribute("aria-valuemax", String(values.length));
  ui.row.setAttribute("aria-valuenow", String(chosen));
  ui.row.onkeydown = (event) => {
    const move = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[event.key];
    if (!move) return;
    event.preventDefault();
    pick(chosen + move);
  };
}
