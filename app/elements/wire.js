// The browser's end of app/live/chart_protocol.py: bytes in, a card with typed arrays out. A tail is joined to what is here already.
const unpack = (bytes) => {
  const size = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + size)));
  return { head, body: bytes.subarray(4 + size + (-(4 + size) & 7)) };
};
const isRef = (value) => value !== null && typeof value === "object" && "at" in value && "keep" in value;
const KINDS = { f4: Float32Array, f8: Float64Array, 4: Float32Array, 8: Float64Array };
const taken = (body, at, n, type) => {
  const Kind = KINDS[type];
  return new Kind(body.slice(at, at + n * Kind.BYTES_PER_ELEMENT).buffer);  // a copy: the message's own bytes may lie unaligned
};
// `rest` begins with the last value that must be here already, where any must; one that is no number (NaN) equals nothing.
const joined = (before, rest, keep) => {
  if (!keep) return rest;
  if (!before || before.length < keep || before.constructor !== rest.constructor) return null;
  if (!Number.isNaN(rest[0]) && before[keep - 1] !== rest[0]) return null;
  const all = new rest.constructor(keep - 1 + rest.length);
  all.set(before.subarray(0, keep - 1));
  all.set(rest, keep - 1);
  return all;
};
// A lean message has no names: its arrays are those that are here, in their order. Null when one does not fit.
const leaned = (before, body) => {
  const arrays = before.flatMap((trace, i) => Object.keys(trace).filter((key) => ArrayBuffer.isView(trace[key])).map((key) => [i, key]));
  const table = new Int32Array(body.slice(0, 12 * arrays.length).buffer), traces = before.map((trace) => ({ ...trace }));
  let at = 12 * arrays.length;
  for (const [k, [i, key]] of arrays.entries()) {
    const [keep, n, width] = table.subarray(3 * k, 3 * k + 3);
    traces[i][key] = joined(before[i][key], taken(body, at, n, width), keep);
    if (traces[i][key] === null) return null;
    at += n * width;
  }
  return traces;
};
const tailed = (before, entries, body, kind) => {
  const traces = [];
  for (const [i, entry] of entries.entries()) {
    const trace = {};
    for (const [key, value] of Object.entries(entry)) {
      if (!isRef(value)) { trace[key] = value; continue; }
      const rest = taken(body, value.at, value.n, value.type);
      trace[key] = kind === "whole" ? rest : joined(before[i]?.[key], rest, value.keep);
      if (trace[key] === null) return null;
    }
    traces.push(trace);
  }
  return traces;
};
// `previous` is what an earlier call returned as `now`. Returns { now, fresh, lost }: `fresh` when there is something to draw,
// `lost` when the tail does not fit what is here, so that the whole must be asked for.
const receive = (previous, bytes) => {
  const { head, body } = unpack(bytes);
  const { kind, version, epoch, length, frame, card } = head;
  if (kind !== "whole" && previous?.epoch !== epoch) return { now: previous, fresh: false, lost: true };
  const traces = kind === "lean" ? leaned(previous.card.traces, body) : tailed(previous?.card.traces, card.traces, body, kind);
  if (traces === null) return { now: previous, fresh: false, lost: true };
  const base = kind === "lean" ? previous.card : {};
  return { now: { version, epoch, length, frame, card: { ...base, ...card, traces } }, fresh: true, lost: false };
};
