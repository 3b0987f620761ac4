// Run cells: an experiment's progress, one cell a run. A cell is a link: a click opens the run in this tab, keys and new tabs work.
const GLYPH = { done: "\u2713", failed: "\u2717", stopped: "\u25A0", lost: "?" };

function cell() {
  const link = node("a", "cell"), fill = node("i"), tick = node("u"), text = node("span"), glyph = node("b");
  link.append(fill, tick, text, glyph);
  return { link, fill, tick, text, glyph };
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".root");
  const ui = remember(parentElement, () => {
    const row = node("nav", "cells");
    root.replaceChildren(row);
    return { row, made: [] };
  });
  const { cells, label } = data;
  ui.row.setAttribute("aria-label", label);
  ui.row.classList.toggle("wide", cells.length <= 12);
  while (ui.made.length > cells.length) ui.made.pop().link.remove();
  while (ui.made.length < cells.length) { const made = cell(); ui.made.push(made); ui.row.append(made.link); }
  cells.forEach((run, i) => {
    const { link, fill, tick, text, glyph } = ui.made[i];
    link.className = `cell ${run.state}`;
    link.href = `run?run=${run.id}`;
    link.title = `${run.name}: ${run.said}`;
    link.setAttribute("aria-label", link.title);
    fill.style.width = `${100 * run.share}%`;
    tick.style.background = `var(--${run.role})`;
    text.textContent = run.text;  // its whole name is in the title
    glyph.textContent = GLYPH[run.state] ?? "";
    link.onclick = leave;
  });
}
