// Marked text: text nobody trusts, each piece set by textContent. Spans are marked, tokens are shaded by how unlikely they were.
const LIMIT = 20000;  // characters drawn at first; the rest on demand
const STRONGEST = 5;  // nats: as unlikely as one in 150

// The cuts of spans and tokens up to `end`, as pieces [from, to, class names, nll or null].
function pieces(spans, tokens, end) {
  const cuts = [...new Set([0, end, ...[...spans, ...tokens].flatMap(([a, b]) => [a, b])])].filter((x) => x >= 0 && x <= end).sort((a, b) => a - b);
  const found = [];
  let t = 0;
  for (let i = 0; i + 1 < cuts.length; i++) {
    const [from, to] = [cuts[i], cuts[i + 1]];
    const names = spans.filter(([a, b]) => a <= from && to <= b).map((s) => s[2]);
    while (t < tokens.length && tokens[t][1] <= from) t++;
    found.push([from, to, names, t < tokens.length && tokens[t][0] <= from ? tokens[t][2] : null]);
  }
  return found;
}

function legend() {
  const row = node("div", "legend"), bar = node("span", "scale");
  row.append(node("span", "", "likely"), bar, node("span", "", `\u2212log p \u2265 ${STRONGEST}: unlikely. Hover a token for its number.`));
  return row;
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".root");
  const points = [...data.text];  // spans count code points, as Python does; a string's own index counts UTF-16 units
  const tokens = data.tokens ?? [];
  const box = node("pre", data.plain ? "text plain" : "text");
  box.tabIndex = 0;
  box.setAttribute("aria-label", data.label || "text");
  const show = (limit) => {
    const end = Math.min(points.length, limit);
    const parts = pieces(data.spans, tokens, end).map(([from, to, names, nll]) => {
      const text = visible(points.slice(from, to).join(""));
      if (!names.length && nll === null) return document.createTextNode(text);
      const made = node(names.length ? "mark" : "span", names.join(" "), text);
      if (nll !== null) {
        made.style.backgroundColor = `color-mix(in oklab, var(--accent) ${Math.round(55 * Math.min(nll / STRONGEST, 1))}%, transparent)`;
        made.title = `\u2212log p ${nll.toFixed(2)} (p ${Math.exp(-nll).toPrecision(2)})`;
      }
      return made;
    });
    if (end < points.length) {
      const more = node("button", "more", `show all ${points.length.toLocaleString()} characters`);
      more.onclick = () => show(Infinity);
      parts.push(more);
    }
    box.replaceChildren(...parts);
  };
  show(LIMIT);
  if (!data.text) box.replaceChildren(node("span", "none", "(empty)"));
  const facts = node("div", "facts");
  for (const [name, value, tone, tip] of data.facts ?? []) {
    const pair = node("span");
    if (tip) pair.title = tip;
    pair.append(node("span", "", name), node("b", tone || "", visible(value)));
    facts.append(pair);
  }
  root.replaceChildren(box, ...(tokens.length ? [legend()] : []), ...(data.facts ? [facts] : []));
}
