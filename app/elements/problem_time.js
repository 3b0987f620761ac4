// A problem through time: a row a run, a card for each group of it, step by step; a click opens a sample of it.
export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".root");
  const open = (key) => setTriggerValue("pick", key);
  const end = (name, line) => {
    const made = node("button", "end");
    made.type = "button";
    made.title = `open the ${name} completion`;
    made.onclick = () => open(line.key);
    const said = node("q"), text = node("bdi", "", visible(line.ends));
    text.dir = "ltr";
    said.append(text);
    made.append(node("span", "", `${name} ${line.total === null ? "" : fixed(line.total)} ${line.correct ? "\u2713" : "\u2717"}`), said);
    return made;
  };
  root.classList.toggle("few", data.rows.every((r) => r.groups.length <= 2));
  root.replaceChildren(...data.rows.map((r) => {
    const row = node("section", "run"), head = node("div", "name"), square = node("i", "square"), strip = node("div", "strip");
    square.style.background = `var(--${r.role})`;
    head.append(square, node("b", "", r.name), node("span", "", r.note));
    strip.append(...r.groups.map((g) => {
      const card = node("div", g.here ? "group here" : "group"), bar = node("div", "bar"), fill = node("i");
      fill.style.width = `${(100 * g.right) / g.size}%`;
      bar.append(fill);
      const top = node("div", "top");
      top.append(node("b", "", `step ${g.step}`), node("span", "", `${g.right} of ${g.size} right`));
      card.append(top, bar, node("div", "mean", g.mean === null ? "held out" : `mean total ${fixed(g.mean)}`), end("best", g.best));
      if (g.size > 1) card.append(end("worst", g.worst));
      return card;
    }));
    row.append(head, strip);
    return row;
  }));
  root.querySelectorAll(".here").forEach((card) => {
    const strip = card.parentElement;
    strip.scrollLeft = Math.max(0, card.offsetLeft - strip.offsetLeft - strip.clientWidth / 2);
  });
}
