// The group: one small card per completion of a prompt; click chooses a sample and tells Python.
export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".root");
  const most = Math.max(...data.samples.map((s) => Math.abs(s.advantage ?? 0)), 1e-9);
  const span = Math.max(...data.samples.map((s) => s.parts.reduce((a, p) => a + Math.max(p.size, 0), 0)), 1e-9);
  const cards = data.samples.map((s) => {
    const card = node("button", s.key === data.chosen ? "card chosen" : "card");
    card.type = "button";
    card.setAttribute("aria-pressed", String(s.key === data.chosen));
    card.onclick = () => { if (s.key !== data.chosen) setTriggerValue("pick", s.key); };
    const top = node("div", "top");
    top.append(node("span", "", `${s.index} of ${data.samples.length}`), node("span", "", `${s.n_tokens} tok${s.truncated ? ", cut" : ""}`));
    const answer = node("div", "answer");
    answer.append(node("span", "", s.parsed === null ? "no answer" : visible(s.parsed)), node("i", s.correct ? "right" : "wrong", s.correct ? "\u2713" : "\u2717"));
    const total = node("div", "pair");
    total.append(node("span", "", "total"), node("b", "", s.total === null ? "\u2013" : fixed(s.total)));
    total.title = data.tips.total;
    const stack = node("div", "stack");
    for (const p of s.parts) {
      const part = node("i");
      part.style.width = `${(100 * Math.max(p.size, 0)) / span}%`;
      part.style.background = `var(--${p.role})`;
      stack.append(part);
    }
    const advantage = node("div", "pair");
    advantage.append(node("span", "", "advantage"), node("b", "", s.advantage === null ? "\u2013" : signed(s.advantage)));
    advantage.title = data.tips.advantage;
    const axis = node("div", "axis"), fill = node("i", (s.advantage ?? 0) >= 0 ? "up" : "down");
    const half = (50 * Math.abs(s.advantage ?? 0)) / most;
    fill.style.width = `${half}%`;
    fill.style.left = `${(s.advantage ?? 0) >= 0 ? 50 : 50 - half}%`;
    axis.append(fill);
    const ends = node("div", "ends");
    ends.append(node("div", "", visible(s.ends)));
    card.append(top, answer, total, stack, advantage, axis, ends);
    return card;
  });
  const row = node("div", "row");
  row.style.setProperty("--n", Math.min(data.samples.length, 8));
  row.append(...cards);
  root.replaceChildren(row);
}
