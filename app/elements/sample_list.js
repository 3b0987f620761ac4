// Sample list: a row a sample; click, arrows, Home and End choose one and tell Python. The chosen row is kept in sight.
const columns = ["", "where", "total", "adv.", "terms", "ends with"];

function line(s, data, choose) {
  const row = node("div", s.key === data.chosen ? "row chosen" : "row");
  row.setAttribute("role", "option");
  row.setAttribute("aria-selected", String(s.key === data.chosen));
  row.id = `s-${s.key}`;
  row.onclick = () => choose(s.key);
  const mark = node("span", s.correct ? "right" : "wrong", s.correct ? "\u2713" : "\u2717");
  mark.title = s.correct ? "right answer" : "wrong answer";
  const where = node("span", "where");
  if (s.role) { const square = node("i", "square"); square.style.background = `var(--${s.role})`; where.append(square); }
  where.append(...(s.whose ? [node("span", "", s.whose)] : []), node("b", "", s.at));
  where.title = `${s.whose} ${s.at}`.trim();
  const total = node("span", "total"), bar = node("i"), fill = node("i");
  fill.style.width = `${Math.max(0, Math.min(100, (100 * (s.total ?? 0)) / data.highest))}%`;
  bar.append(fill);
  total.append(bar, node("b", "", s.total === null ? "\u2013" : fixed(s.total)));
  const terms = node("span", "terms");
  for (const p of s.parts) {
    const part = node("i");
    part.style.width = `${(100 * Math.max(p.size, 0)) / data.span}%`;
    part.style.background = `var(--${p.role})`;
    terms.append(part);
  }
  const ends = node("span", "ends"), tail = node("span", "tail"), text = node("bdi", "", visible(s.ends));
  text.dir = "ltr";
  tail.append(text);
  ends.append(...s.tags.map((tag) => node("em", tag[1], visible(tag[0]))), tail);
  row.append(mark, where, total, node("span", "adv", s.advantage === null ? "\u2013" : signed(s.advantage)), terms, ends);
  return row;
}

// Streamlit hears no shortcut (J, K, N) from a toggle or a radio, where nobody writes text: its key is said again, of the page.
window.showdownKeys ??= addEventListener("keydown", (event) => {
  const from = event.composedPath()[0];
  if (!/^(checkbox|radio)$/.test(from?.type) || !/^[a-z]$/i.test(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.stopImmediatePropagation();
  const { key, code, keyCode, shiftKey } = event;
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key, code, keyCode, shiftKey, bubbles: true, cancelable: true }));
}, true) ?? true;

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".root");
  const ui = remember(parentElement, () => {
    const made = { head: node("div", "row head"), box: node("div", "box") };
    made.box.tabIndex = 0;
    made.box.setAttribute("role", "listbox");
    root.replaceChildren(made.head, made.box);
    return made;
  });
  root.style.setProperty("--where", data.where);
  root.classList.toggle("long", data.long);
  const choose = (key) => { if (key !== data.chosen) setTriggerValue("pick", key); };
  ui.head.replaceChildren(...columns.map((name, i) => { const made = node("span", "", name); made.title = data.tips[i] ?? ""; return made; }));
  ui.box.setAttribute("aria-label", data.label);
  ui.box.setAttribute("aria-activedescendant", `s-${data.chosen}`);
  ui.box.replaceChildren(...data.rows.map((s) => line(s, data, choose)));
  ui.box.onkeydown = (event) => {
    const at = data.rows.findIndex((s) => s.key === data.chosen), last = data.rows.length - 1;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    choose(data.rows[Math.max(0, Math.min(last, to))].key);
  };
  const chosen = ui.box.querySelector(".chosen");
  if (chosen) {  // inside the list only: the page stays where it is
    const top = chosen.offsetTop, bottom = top + chosen.offsetHeight;
    if (top < ui.box.scrollTop) ui.box.scrollTop = top;
    else if (bottom > ui.box.scrollTop + ui.box.clientHeight) ui.box.scrollTop = bottom - ui.box.clientHeight;
  }
}
