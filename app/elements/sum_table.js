// Sum table: raw score, shaped score, weight and contribution of every term, with the running total as bars.
const cell = (text, name = "number") => { const made = node("span", name, text); made.setAttribute("role", "cell"); return made; };

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
  line("names", cell("term", ""), cell("score"), cell(shaped ? "shaped" : "", "number shaped"), cell("weight"), cell("adds"),
    cell("running total", ""));
  sum = 0;
  for (const t of data.terms) {
    const name = cell("", "name"), square = node("i", "square");
    square.style.background = `var(--${t.role})`;
    name.append(square, node("span", "", t.term));
    if (t.raw === null && t.contribution !== null && t.contribution !== undefined) {  // a verdict that did not come
      const from = sum;
      sum += t.contribution;
      line("absent", name, cell("no verdict came: the group's mean stands in", "why"), cell(`= ${fixed(t.contribution)}`), bar(from, sum, t.role));
      continue;
    }
    if (t.raw === null) {
      line("absent", name, cell("does not apply: " + (t.why || "no score for this sample"), "why"));
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
    line("advantage", cell("advantage", "name"), cell(data.advantage_note ?? "", "why"), made);
  }
  const table = node("div", shaped ? "table with-shaped" : "table");
  table.setAttribute("role", "table");
  table.setAttribute("aria-label", "How the reward came about");
  table.append(...rows);
  root.replaceChildren(table);
}
