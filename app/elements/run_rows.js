// Run rows: what waits, runs or has failed, one row a run, with what can be done to it. `act` tells Python {run, act}.
const SECONDS = 6;  // how long a button asks "sure?" before it forgets

// A button that ends something asks once more: the second press within SECONDS does it. `ui.asked` outlives a redraw.
function action(ui, made, run, tell) {
  const button = node("button", `do ${made.name}`), key = `${run.id} ${made.name}`;
  const show = () => {
    const asked = ui.asked === key;
    button.classList.toggle("sure", asked);
    button.textContent = asked ? made.ask : made.label;
  };
  button.type = "button";
  button.title = made.help;
  button.setAttribute("aria-label", `${made.label}: ${run.name}`);
  button.onblur = () => { if (!ui.drawing && ui.asked === key) { ui.asked = null; show(); } };
  button.onclick = () => {
    const sure = !made.ask || ui.asked === key;
    ui.asked = sure ? null : key;
    show();
    if (sure) return tell({ run: run.id, act: made.name });
    clearTimeout(ui.timer);
    ui.timer = setTimeout(() => {
      ui.asked = null;
      for (const item of ui.drawn.values()) item.shows.forEach((again) => again());
    }, 1000 * SECONDS);
  };
  show();
  return { button, show };
}

function draw(ui, item, run, tell) {
  const name = node("a", "name", run.name), chip = node("span", `chip ${run.tone}`, run.state), square = node("i", "square");
  name.href = `run?run=${run.id}`;
  name.onclick = leave;
  square.style.background = `var(--${run.role})`;
  const bar = node("span", "bar"), fill = node("i");
  fill.style.width = `${100 * run.share}%`;
  bar.append(fill);
  const who = node("div", "who"), what = node("div", "what"), acts = node("div", "acts");
  who.append(node("b", "place", run.place), square, name, chip);
  what.append(...(run.share > 0 ? [bar] : []), node("span", "why", run.why));
  const made = run.actions.map((one) => action(ui, one, run, tell));
  acts.append(...made.map((one) => one.button));
  item.replaceChildren(who, node("div", "note", run.note), what, acts);
  return made.map((one) => one.show);
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".root");
  const ui = remember(parentElement, () => {
    const list = node("ol");
    root.replaceChildren(list);
    return { list, drawn: new Map(), asked: null, timer: 0, drawing: false };
  });
  ui.list.setAttribute("aria-label", data.label);
  const tell = (value) => setTriggerValue("act", value);
  ui.drawing = true;
  const items = data.rows.map((run) => {
    const said = JSON.stringify(run), before = ui.drawn.get(run.id);
    if (before?.said === said) return before.item;  // what did not change keeps its focus and its question
    const item = before?.item ?? node("li"), focused = item.contains(root.getRootNode().activeElement);
    const which = focused ? root.getRootNode().activeElement.className.replace(" sure", "") : "";
    const shows = draw(ui, item, run, tell);
    ui.drawn.set(run.id, { said, item, shows });
    if (which) item.getElementsByClassName(which)[0]?.focus();
    return item;
  });
  const moved = items.length !== ui.list.children.length || items.some((item, i) => ui.list.children[i] !== item);
  if (moved) ui.list.replaceChildren(...items);
  ui.drawing = false;
}
