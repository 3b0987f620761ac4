// Arms table: arms as rows, scores as columns, the first score also as points on one axis. Every number is a button that opens
// the curves behind it: `open` tells Python "arm~score".
const DASH = { solid: "solid", dash: "dashed", dot: "dotted", dashdot: "dashed" };
const tipped = (made, tip) => { if (tip) made.title = tip; return made; };

function heads(data) {
  const row = node("tr"), arm = node("th", "arm", "arm");
  arm.scope = "col";
  row.append(arm);
  data.heads.forEach((head, i) => {
    const made = tipped(node("th", "score"), head.help), arrow = { up: " \u2191", down: " \u2193" }[head.better] ?? "";
    made.scope = "col";
    made.append(node("span", "", `${head.head}${head.unit ? "" : arrow}`), ...(head.unit ? [node("span", "unit", `${head.unit}${arrow}`)] : []));
    row.append(made);
    if (i === 0) row.append(axis(data.strip));
  });
  return row;
}

function axis({ ticks, title }) {
  const made = node("th", "strip"), box = node("div", "ticks");
  made.setAttribute("aria-label", title);
  for (const { at, text } of ticks) {
    const tick = node("span", "", text);
    tick.style.left = `${100 * at}%`;
    box.append(tick);
  }
  made.append(box);
  return made;
}

// Each seed a dot, the interval a bar, the mean an upright line; places are shares of the axis.
function strip({ points, low, high, mean, role, said }) {
  const made = node("td", "strip"), box = node("div", "line");
  box.setAttribute("role", "img");
  box.setAttribute("aria-label", said);
  const colour = `var(--${role})`, place = (name, at, width) => {
    const mark = node("i", name);
    mark.style.left = `${100 * at}%`;
    if (width !== undefined) mark.style.width = `${100 * width}%`;
    if (name !== "mean") mark.style.background = colour;
    box.append(mark);
  };
  if (low !== null) place("between", low, high - low);
  for (const at of points) place("point", at);
  if (mean !== null) place("mean", mean);
  made.append(box);
  return made;
}

function named(row) {
  const made = node("th", "arm"), line = node("div", "name"), swatch = node("i", "swatch");
  made.scope = "row";
  swatch.style.borderTopColor = `var(--${row.role})`;
  swatch.style.borderTopStyle = DASH[row.dash];
  swatch.style.opacity = row.round ? 0.6 : 1;
  line.append(swatch, node("b", "", visible(row.arm)));
  const chips = node("div", "chips");
  chips.append(node("span", "seeds", row.seeds), ...row.chips.map(([text, tone]) => node("span", `chip ${tone}`, visible(text))));
  made.append(line, chips);
  return made;
}

function number(cell, row, head, data, tell) {
  const made = node("td", "score");
  if (!cell.opens) {
    made.append(node("span", "value", cell.text));
    return tipped(made, cell.note);
  }
  const button = node("button", data.chosen === `${row.arm}~${head.key}` ? "open chosen" : "open");
  button.type = "button";
  button.append(node("span", "value", cell.text), node("span", "between", cell.interval));
  if (data.heads[0] !== head) button.classList.add("tall");
  button.setAttribute("aria-label", `${visible(row.arm)}, ${head.head}: ${cell.text} ${cell.interval}. Open its curves`);
  button.setAttribute("aria-pressed", String(data.chosen === `${row.arm}~${head.key}`));
  tipped(button, cell.note);
  button.onclick = () => tell(`${row.arm}~${head.key}`);
  made.append(button);
  if (cell.note) made.append(tipped(node("sup", "", "*"), cell.note));
  return made;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".root"), focused = root.getRootNode().activeElement?.getAttribute("aria-label");
  const box = node("div", "box"), table = node("table"), head = node("thead"), body = node("tbody");
  box.tabIndex = 0;
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", data.label);
  head.append(heads(data));
  const tell = (value) => setTriggerValue("open", value);
  for (const row of data.rows) {
    const line = node("tr");
    line.append(named(row));
    row.cells.forEach((cell, i) => {
      line.append(number(cell, row, data.heads[i], data, tell));
      if (i === 0) line.append(strip(row));
    });
    body.append(line);
  }
  table.append(head, body);
  box.append(table);
  const at = root.querySelector(".box")?.scrollLeft ?? 0;
  root.replaceChildren(box);
  box.scrollLeft = at;
  if (focused) [...root.querySelectorAll("button")].find((b) => b.getAttribute("aria-label") === focused)?.focus();
}
