// The browser's end of app/wire.py: bytes in, a card with typed arrays out. A tail is joined to what is here already.
const unpack = (bytes) => {
  const size = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + size)));
  return { head, body: bytes.subarray(4 + size + (-(4 + size) & 7)) };
};
const isRef = (value) => value !== null && typeof value === "object" && "at" in value && "keep" in value;
const taken = (body, { at, n, type }) => {
  const [Kind, width] = type === "f8" ? [Float64Array, 8] : [Float32Array, 4];
  return new Kind(body.slice(at, at + n * width).buffer);  // a copy: the message's own bytes may lie unaligned
};
const joined = (before, rest, { keep, tie }) => {
  if (!before || before.length < keep || before.constructor !== rest.constructor) return null;
  if (keep && tie !== null && before[keep - 1] !== tie) return null;
  const all = new rest.constructor(keep + rest.length);
  all.set(before.subarray(0, keep));
  all.set(rest, keep);
  return all;
};
// `previous` is what an earlier call returned as `now`. Returns { now, fresh, lost }: `fresh` when there is something to draw,
// `lost` when the tail does not fit what is here, so that the whole must be asked for.
const receive = (previous, bytes) => {
  const { head, body } = unpack(bytes);
  const { kind, version, epoch, length, frame, card } = head;
  if (kind !== "whole" && previous?.epoch !== epoch) return { now: previous, fresh: false, lost: true };
  const traces = [];
  for (const [i, entry] of card.traces.entries()) {
    const trace = kind === "lean" ? { ...previous.card.traces[i] } : {};
    for (const [key, value] of Object.entries(entry)) {
      if (!isRef(value)) { trace[key] = value; continue; }
      const rest = taken(body, value);
      trace[key] = kind === "whole" ? rest : joined(previous.card.traces[i]?.[key], rest, value);
      if (trace[key] === null) return { now: previous, fresh: false, lost: true };
    }
    traces.push(trace);
  }
  const base = kind === "lean" ? previous.card : {};
  return { now: { version, epoch, length, frame, card: { ...base, ...card, traces } }, fresh: true, lost: false };
};
