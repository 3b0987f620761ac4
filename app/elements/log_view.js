// Log view: lines nobody trusts, each set by textContent. Follows the end unless the reader has scrolled up, keeps what it
// has shown while the tail moves on, and touches nothing when nothing is new.
const KEEP = 200000;  // characters kept on the page
const NEAR = 24;  // pixels from the end that still count as the end

// What `now` has beyond `before`, both tails of one log, and how much of `before` stays. As core.common.logs.news.
const added = (before, now) => {
  const known = before.slice(0, before.lastIndexOf("\n") + 1), first = now.slice(0, now.indexOf("\n") + 1);
  let at = 0;
  while (known && !now.startsWith(known.slice(at))) {
    at = known.indexOf("\n" + first, at) + 1;
    if (!first || at === 0) return null;
  }
  return known ? { stays: known, rest: now.slice(known.length - at) } : null;
};

// The field that looks for lines: Enter goes to the next one, Shift+Enter to the one before, Escape ends it.
function searchable(ui) {
  Object.assign(ui.find, { type: "search", placeholder: "Find in the log", spellcheck: false });
  ui.find.setAttribute("aria-label", "Find in the log");
  ui.hits.setAttribute("role", "status");
  for (const [button, label, step] of [[ui.previous, "Previous line found", -1], [ui.next, "Next line found", 1]]) {
    button.title = label;
    button.setAttribute("aria-label", label);
    button.onclick = () => go(ui, step);
  }
  ui.find.oninput = () => { ui.at = -1; find(ui); if (ui.found.length) go(ui, -1); };  // the newest first: it is what is asked for
  ui.find.onkeydown = (event) => {
    if (event.key === "Enter") { event.preventDefault(); go(ui, event.shiftKey ? -1 : 1); }
    if (event.key === "Escape") { ui.find.value = ""; ui.find.oninput(); }
  };
  find(ui);
}

// Lines that have the text, capitals or not. A log that goes on keeps the line that is looked at.
function find(ui) {
  const here = ui.found?.[ui.at], wanted = ui.find.value.toLowerCase();
  ui.box.querySelectorAll(".hit").forEach((one) => one.classList.remove("hit", "here"));
  ui.found = wanted ? [...ui.box.children].filter((one) => one.textContent.toLowerCase().includes(wanted)) : [];
  ui.found.forEach((one) => one.classList.add("hit"));
  ui.at = here ? ui.found.indexOf(here) : -1;
  ui.found[ui.at]?.classList.add("here");
  ui.hits.textContent = !wanted ? "" : !ui.found.length ? "no line" : ui.at < 0 ? `${ui.found.length} lines` : `${ui.at + 1} of ${ui.found.length}`;
  for (const button of [ui.previous, ui.next]) button.hidden = ui.found.length < 2;
}

function go(ui, step) {
  if (!ui.found.length) return;
  ui.found[ui.at]?.classList.remove("here");
  ui.at = ui.at < 0 && step > 0 ? 0 : (Math.max(ui.at, 0) + step + ui.found.length) % ui.found.length;
  const to = ui.found[ui.at];
  to.classList.add("here");
  ui.box.scrollTop = to.offsetTop - ui.box.offsetTop - ui.box.clientHeight / 3;
  ui.hits.textContent = `${ui.at + 1} of ${ui.found.length}`;
}

async function copy(ui) {
  try {
    await navigator.clipboard.writeText(ui.text);
  } catch {  // an address without https: the browser has no clipboard for us, but for a selection
    const range = document.createRange();
    range.selectNodeContents(ui.box);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    document.execCommand("copy");
    getSelection().removeAllRanges();
  }
  ui.copy.textContent = "Copied";
  setTimeout(() => { ui.copy.textContent = "Copy"; }, 1500);
}

function build(root) {
  const ui = { head: node("div", "head"), title: node("h3", "", "Log"), note: node("span", "note"), copy: node("button", "copy", "Copy"),
    find: node("input", "find"), hits: node("span", "hits"), previous: node("button", "go", "\u2191"), next: node("button", "go", "\u2193"),
    at: -1, cause: node("div", "cause"), frame: node("div", "frame"), box: node("div", "box"), down: node("button", "down", "\u2193 Newest"), text: null };
  ui.box.tabIndex = 0;
  ui.box.setAttribute("role", "region");
  ui.box.setAttribute("aria-label", "Log, newest line last");
  for (const button of [ui.copy, ui.down, ui.previous, ui.next]) button.type = "button";
  searchable(ui);
  const toEnd = () => { ui.box.scrollTop = ui.box.scrollHeight; };
  ui.atEnd = () => ui.box.scrollHeight - ui.box.scrollTop - ui.box.clientHeight < NEAR;
  ui.toEnd = toEnd;
  ui.box.onscroll = () => { ui.down.hidden = ui.atEnd(); };
  ui.down.onclick = toEnd;
  ui.down.hidden = true;
  ui.copy.onclick = () => copy(ui);
  ui.head.append(ui.title, ui.note, ui.find, ui.hits, ui.previous, ui.next, ui.copy);
  ui.frame.append(ui.box, ui.down);
  root.replaceChildren(ui.head, ui.cause, ui.frame);
  return ui;
}

const line = (text) => node("div", /^--- attempt \d+, /.test(text) ? "line attempt" : text ? "line" : "line blank", text || "\u00a0");
const lines = (text) => (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n");

function show(ui, text) {
  const follow = ui.text === null || ui.atEnd();
  const found = ui.text && added(ui.text, text);
  if (found) {
    const whole = found.stays + found.rest, gone = lines(ui.text).length - lines(found.stays).length;
    for (let i = 0; i < gone; i++) ui.box.lastChild.remove();  // a line that was not finished
    if (found.rest) ui.box.append(...lines(found.rest).map(line));
    ui.text = whole;
    while (follow && ui.text.length > KEEP) {  // not while somebody reads: what is above must not move
      ui.text = ui.text.slice(ui.text.indexOf("\n") + 1);
      ui.box.firstChild.remove();
    }
  } else {
    ui.text = text;
    ui.box.replaceChildren(...(text ? lines(text).map(line) : []));
  }
  if (follow) ui.toEnd();
}

// The lines of the first cause, counted from the end: the page may show more of the log than the tail has.
function mark(ui, data) {
  ui.box.querySelectorAll(".marked").forEach((x) => x.classList.remove("marked"));
  ui.cause.hidden = !data.cause;
  if (!data.cause) return;
  const at = ui.box.children.length - lines(data.text).length + data.cause.line;
  for (let i = 0; i < data.cause.text.split("\n").length; i++) ui.box.children[at + i]?.classList.add("marked");
  const button = node("button", "go", "Show in the log");
  button.type = "button";
  button.onclick = () => { const to = ui.box.children[at]; ui.box.scrollTop = to.offsetTop - ui.box.offsetTop - 40; };
  ui.cause.replaceChildren(node("b", "", data.cause.head), node("pre", "", data.cause.text));
  const where = node("div", "where");
  if (data.cause.where) where.append(node("span", "", data.cause.where));
  where.append(button);
  ui.cause.append(where);
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".root");
  const ui = remember(parentElement, () => build(root));
  ui.note.textContent = data.note;
  ui.copy.hidden = ui.find.hidden = !data.text;
  ui.frame.classList.toggle("empty", !data.text);
  if (!data.text) {
    ui.text = null;
    ui.box.replaceChildren(node("b", "", data.empty[0]), node("span", "", data.empty[1]));
    ui.down.hidden = true;
  } else if (data.text !== ui.seen || ui.text === null) {
    show(ui, data.text);
    find(ui);
  }
  const cause = JSON.stringify([data.cause, data.text]);
  if (cause !== ui.caused) mark(ui, data);
  ui.seen = data.text;
  ui.caused = cause;
  return whenGone(parentElement);
}
