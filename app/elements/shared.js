// Shared by every element: find the root, make nodes, remember state per mounted element, resolve colour roles.
const memory = new WeakMap();
const remember = (parent, make) => { if (!memory.has(parent)) memory.set(parent, make()); return memory.get(parent); };
// What an element returns: `end` is called when it has left the page. Streamlit also ends a call that another overtook while it
// was waiting, and may do so after that other has drawn: on the same parent, which is still there.
const whenGone = (parent, end = () => {}) => () => setTimeout(() => {
  if (parent.isConnected || !memory.has(parent)) return;
  memory.delete(parent);
  end();
});
// A word to Python in a message of its own. Streamlit sends, at its next timer, all that was said until then in one message, and has
// only that fragment heard which spoke first: what a person presses on the page after the word of a pulse would be lost with it.
const atOnce = (setTriggerValue) => (name, value) => {
  const later = window.setTimeout;
  let send = () => {};
  window.setTimeout = (timer) => { send = timer; };
  try { setTriggerValue(name, value); } finally { window.setTimeout = later; }
  send();
};
const node = (tag, name, text) => {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
};
// "@hard/.4" -> "rgba(47, 111, 228, 0.4)": the token's colour in the theme in force. The browser computes it by a probe, once:
// a live chart has forty colours, each second.
const colours = window.showdownColours ??= new Map();
const colourOf = (root, role, scheme = getComputedStyle(root).colorScheme) => {
  const key = `${scheme} ${role}`;
  if (!colours.has(key)) colours.set(key, probed(root, role));
  return colours.get(key);
};
const probed = (root, role) => {
  const [name, alpha] = role.slice(1).split("/");
  const probe = node("span");
  probe.style.color = alpha ? `color-mix(in srgb, var(--${name}) ${100 * alpha}%, transparent)` : `var(--${name})`;
  probe.style.display = "none";
  root.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  const parts = colour.match(/^color\(srgb ([\d.]+) ([\d.]+) ([\d.]+)(?: \/ ([\d.]+))?\)$/);  // not every parser knows it
  if (!parts) return colour;
  const [r, g, b] = parts.slice(1, 4).map((x) => Math.round(255 * x));
  return `rgba(${r}, ${g}, ${b}, ${parts[4] ?? 1})`;
};
const resolve = (root, value, scheme = getComputedStyle(root).colorScheme) => {
  if (typeof value === "string") return value.startsWith("@") ? colourOf(root, value, scheme) : value;
  if (Array.isArray(value)) return value.map((v) => resolve(root, v, scheme));
  if (value && typeof value === "object" && !ArrayBuffer.isView(value))
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, resolve(root, v, scheme)]));
  return value;
};
// Of a link to another page, in this tab. st.switch_page would leave an address between the two pages, at which Back stops;
// Streamlit goes at once where the address says after Back and Forward, and so after this.
const leave = (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button) return;
  event.preventDefault();
  history.pushState({}, "", event.currentTarget.href);
  dispatchEvent(new PopStateEvent("popstate"));
};
// Digits as Python writes them: an exact half goes to the even neighbour, where toFixed goes up.
const halfEven = (size, digits) => {
  const scaled = size * 10 ** digits, half = Number.isInteger(size * 2 ** (digits + 1)) && scaled % 1 === 0.5;
  return (half ? 2 * Math.round(scaled / 2) / 10 ** digits : size).toFixed(digits);
};
const signed = (x, digits = 2) => (x < 0 ? "\u2212" : "+") + halfEven(Math.abs(x), digits);
const fixed = (x, digits = 2) => (x < 0 ? "\u2212" : "") + halfEven(Math.abs(x), digits);
// Text nobody trusts, for textContent: control characters and those that turn the direction are shown as symbols.
const visible = (text) => text.replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, (c) => c === "\u007f" ? "\u2421" : String.fromCharCode(0x2400 + c.charCodeAt(0)))
  .replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "\u2426");
