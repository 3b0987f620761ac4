// Step bar: a heat row, one cell a step (or few); click, arrows and Page keys choose a step and tell Python. Where choosing leads
// away (`leads`) the keys only look at a step, and Enter chooses it.
function build(root) {
  const ui = { card: node("section", "card"), head: node("div", "head"), step: node("b"), value: node("span"),
    scale: node("span", "scale"), row: node("div", "row"), marks: node("div", "marks") };
  ui.head.append(ui.step, ui.value, ui.scale);
  ui.card.append(ui.head, ui.row, ui.marks);
  root.replaceChildren(ui.card);
  ui.row.tabIndex = 0;
  ui.row.setAttribute("role", "slider");
  ui.row.setAttribute("aria-label", "training step");
  return ui;
}

const percent = (share) => `${halfEven(100 * share, 0)} %`;

function draw(ui, data, setTriggerValue) {
  const { cells, known, total, low, high, label, role, marks, labels, leads } = data;
  const chosen = ui.at ?? data.chosen, of = cells.find(([first, last]) => first <= chosen && chosen <= last);
  const value = ui.at === undefined ? data.value : of?.[2] ?? null;  // of a cell of several steps their mean
  const said = (x) => (label === "reward" ? fixed(x, 3) : percent(x));
  const pick = (step) => {
    const wanted = Math.max(1, Math.min(known, step));
    if (known && (leads || wanted !== chosen)) setTriggerValue("step", wanted);
  };
  ui.step.textContent = `Step ${chosen}`;
  const happened = marks.filter(([step]) => step === chosen).map(([, text]) => text);  // also for whoever has no pointer to hover
  ui.value.textContent = [...(value === null ? [] : [`${label} ${said(value)}`]), ...happened].join(" \u00b7 ");
  ui.scale.textContent = known ? `${said(low)} \u2013 ${said(high)}, stronger is higher` : "";
  ui.row.style.setProperty("--cells", cells.length);
  ui.row.style.setProperty("--halves", Math.ceil(cells.length / 2));
  while (ui.row.children.length > cells.length) ui.row.lastChild.remove();
  while (ui.row.children.length < cells.length) ui.row.append(node("i"));
  cells.forEach(([first, last, mean], c) => {
    const cell = ui.row.children[c], there = first <= known && mean !== null;
    const heat = high > low ? (mean - low) / (high - low) : 1;
    cell.style.background = there ? `color-mix(in oklab, var(--${role}) ${12 + 88 * heat}%, var(--heat0))` : "";
    cell.className = (first <= known ? "known" : "") + (there ? "" : " none") + (first <= chosen && chosen <= last ? " chosen" : "");
    const until = Math.min(last, known), here = marks.filter(([step]) => first <= step && step <= last).map(([, text]) => text);
    const name = first === last ? `step ${first}` : `steps ${first}\u2013${last}`;
    cell.title = [there ? `${name}: ${label} ${said(mean)}` : name, ...here].join("\n");
    cell.onclick = () => { if (first <= known) pick(until); };
  });
  ui.marks.hidden = !marks.length;
  const named = new Set(labels.map(String));
  ui.marks.replaceChildren(...marks.map(([step, text]) => {
    const mark = node("span", step > 0.8 * total ? "before" : "", named.has(String([step, text])) ? text : "");
    mark.style.left = `${(100 * (step - 0.5)) / total}%`;
    return mark;
  }));
  ui.row.setAttribute("aria-valuemin", "1");
  ui.row.setAttribute("aria-valuemax", String(known));
  ui.row.setAttribute("aria-valuenow", String(chosen));
  ui.row.setAttribute("aria-valuetext", [`step ${chosen}`, ui.value.textContent].filter(Boolean).join(", "));
  ui.row.onkeydown = (event) => {
    const move = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10, Home: -known, End: known }[event.key];
    if (leads && event.key === "Enter") pick(chosen);
    if (!move) return;
    event.preventDefault();
    if (!leads) return pick(chosen + move);
    ui.at = Math.max(1, Math.min(known, chosen + move));
    draw(ui, data, setTriggerValue);
  };
  ui.row.onblur = () => { if (ui.at !== undefined) { ui.at = undefined; draw(ui, data, setTriggerValue); } };
  ui.row.setAttribute("aria-description", leads ? "Enter opens its samples" : "");
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".root");
  draw(remember(parentElement, () => build(root)), data, setTriggerValue);
}
