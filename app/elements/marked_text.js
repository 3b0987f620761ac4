// Marked text: spans of text nobody trusts, each set by textContent. Control characters are shown as their symbols.
const visible = (text) => text.replace(/[\u0000-\u0008\u000b-\u001f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)))
  .replace(/[\u202a-\u202e\u2066-\u2069]/g, "\u2426");
const LIMIT = 20000;  // characters drawn at first; the rest on demand

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".root");
  const points = [...data.text];  // spans count code points, as Python does; a string's own index counts UTF-16 units
  const part = (start, end) => visible(points.slice(start, end).join(""));
  const box = node("pre", "text");
  const show = (limit) => {
    const parts = [];
    let at = 0;
    const end = Math.min(points.length, limit);
    for (const [start, stop, name] of data.spans) {
      if (start < at || stop > end) continue;
      parts.push(document.createTextNode(part(at, start)), node("mark", name, part(start, stop)));
      at = stop;
    }
    parts.push(document.createTextNode(part(at, end)));
    if (end < points.length) {
      const more = node("button", "more", `show all ${points.length.toLocaleString()} characters`);
      more.onclick = () => show(Infinity);
      parts.push(more);
    }
    box.replaceChildren(...parts);
  };
  show(LIMIT);
  if (!data.text) box.replaceChildren(node("span", "none", "(empty)"));
  root.replaceChildren(box);
}
