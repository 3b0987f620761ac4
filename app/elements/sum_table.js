// Sum table: raw score, shaped score, weight and contribution of every term, with the running total as bars.
const cell = (text, name = "number") => {
  const made = node("span", name, text);
  made.setAttribute("role", name === "name" ? "rowheader" : "cell");
  return made;
};
const spanning = (text, columns) => { const made = cell(text, "why"); made.setAttribute("aria-colspan", String(columns)); return made; };
const HEADS = [["term", ""], ["score", "number", "What the component gave: raw."], ["shaped", "number shaped", "The score after the term's shaping."],
  ["weight", "number", "The term's weight times its side's share of the blend at this step."], ["adds", "number", "Contribution = weight \u00d7 shaped score."],
  ["running total", "", "The sum so far, left to right."]];

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".root");
  const rows = [];
  let low = 0, high = 0, sum = 0;
  for (const t of data.terms) { sum += t.contribution ?? 0; low = Math.min(low, sum); high = Math.max(high, sum); }
  low = Math.min(low, data.total ?? 0);
  high = Math.max(high, data.total ?? 0);
  const span = high - low || 1, x = (v) => (100 * (v - low)) / span;
  const bar = (from, to, role) => {
    const track = cell("", "track"), fill = node("i");
    fill.style.left = `${Math.min(x(from), x(to))}%`;
    fill.style.width = `${Math.abs(x(to) - x(from))}%`;
    fill.style.background = `var(--${role})`;
    track.append(fill);
    return track;
  };
  const line = (name, ...cells) => {
    const made = node("div", `line ${name}`);
    made.setAttribute("role", "row");
    made.append(...cells);
    rows.push(made);
  };
  const shaped = data.terms.some((t) => t.raw !== t.shaped);
  line("names", ...HEADS.map(([text, name, tip]) => {
    const made = cell(text === "shaped" && !shaped ? "" : text, name);
    made.setAttribute("role", "columnheader");
    made.title = tip ?? "";
    return made;
  }));
  sum = 0;
  for (const t of data.terms) {
    const name = cell("", "name"), square = node("i", "square");
    square.style.background = `var(--${t.role})`;
    name.append(square, node("span", "", t.term));
    if (t.raw === null && t.contribution !== null && t.contribution !== undefined) {  // a verdict that did not come
      const from = sum;
      sum += t.contribution;
      line("absent", name, spanning("no verdict came: the group's mean stands in", 3), cell(`= ${fixed(t.contribution)}`), bar(from, sum, t.role));
      continue;
    }
    if (t.raw === null) {
      line("absent", name, spanning("does not apply: " + (t.why || "no score for this sample"), 5));
      continue;
    }
    const from = sum;
    sum += t.contribution;
    line(t.contribution ? "" : "nothing", name, cell(fixed(t.raw)), cell(shaped ? fixed(t.shaped) : "", "number shaped"),
      cell(`\u00d7 ${fixed(t.weight)}`), cell(`= ${fixed(t.contribution)}`), bar(from, sum, t.role));
  }
  if (data.rule && data.total !== null && Math.abs(data.total - sum) > 1e-9) {  // the rule made more or less of it than a sum
    line("rule", cell(`rule: ${data.rule}`, "name"), cell(""), cell("", "number shaped"), cell(""),
      cell(signed(data.total - sum)), bar(sum, data.total, "ink4"));
  }
  line("total", cell("total", "name"), cell(""), cell("", "number shaped"), cell(""),
    cell(data.total === null ? "\u2013" : fixed(data.total, 3)), bar(0, data.total ?? 0, "ink"));
  if (data.advantage !== null && data.advantage !== undefined) {
    const made = cell(signed(data.advantage), `number ${data.advantage > 0 ? "up" : data.advantage < 0 ? "down" : ""}`);
    line("advantage", cell("advantage", "name"), spanning(data.advantage_note ?? "", 3), made);
  }
  const table = node("div", shaped ? "table with-shaped" : "table");
  table.setAttribute("role", "table");
  table.setAttribute("aria-label", "How the reward came about");
  table.append(...rows);
  root.replaceChildren(table);
}
