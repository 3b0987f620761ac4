// What a schedule is worth at a step, and where it can be taken hold of. The laws are those of core/rewards/schedule.py; a browser
// test compares the two. Steps here are in the schedule's own unit.
const sigmoid = (x, k) => 1 / (1 + Math.exp(-k * (x - 0.5)));
const LAWS = {
  linear: (x) => x,
  cosine: (x) => 0.5 * (1 - Math.cos(Math.PI * x)),
  sigmoid: (x, s) => (sigmoid(x, s.steepness) - sigmoid(0, s.steepness)) / (sigmoid(1, s.steepness) - sigmoid(0, s.steepness)),
  exponential: (x, s) => (Math.abs(s.rate) < 1e-9 ? x : Math.expm1(-s.rate * x) / Math.expm1(-s.rate)),
};
const clamp = (x, low, high) => Math.min(Math.max(x, low), high);

const along = (points, step) => {
  const next = points.findIndex(([at]) => at > step);
  if (next === 0) return points[0][1];
  if (next < 0) return points[points.length - 1][1];
  const [a, va] = points[next - 1], [b, vb] = points[next];
  return va + ((vb - va) * (step - a)) / (b - a);
};

const valueAt = (s, step) => {
  if (typeof s === "number") return s;
  if (s.type === "constant") return s.value;
  if (s.type === "step") return step <= s.at_step ? s.start : s.end;
  if (s.type === "cyclic") return s.low + (s.high - s.low) * 0.5 * (1 - Math.cos((2 * Math.PI * step) / s.period));
  if (s.type === "piecewise") return along(s.points, step);
  if (s.type === "warmup") return step < s.steps ? (valueAt(s.then, 0) * step) / s.steps : valueAt(s.then, step - s.steps);
  if (s.type === "adaptive") return s.start;  // before it has seen anything
  return s.start + (s.end - s.start) * LAWS[s.type](clamp((step - s.from_step) / (s.to_step - s.from_step), 0, 1), s);
};

// Steps at which the curve bends or jumps, so that a drawn line has a corner there.
const bendsOf = (s) => {
  if (typeof s === "number") return [];
  if (s.type === "step") return [s.at_step, s.at_step + 1e-6];
  if (s.type === "piecewise") return s.points.map(([at]) => at);
  if (s.type === "warmup") return [s.steps, ...bendsOf(s.then).map((at) => s.steps + at)];
  return s.from_step === undefined ? [] : [s.from_step, s.to_step];
};

// Handles: where (x, y), what they are called, and the schedule they make when moved there. `fixed`: x does not move.
const handlesOf = (s, last) => {
  if (typeof s === "number") return [{ x: last / 2, y: s, name: "weight", fixed: true, move: (_, y) => y }];
  if (s.type === "constant") return [{ x: last / 2, y: s.value, name: "value", fixed: true, move: (_, y) => ({ ...s, value: y }) }];
  if (s.type === "adaptive") return [
    { x: 0, y: s.start, name: "start", fixed: true, move: (_, y) => ({ ...s, start: y }) },
    { x: last, y: s.end, name: "end", fixed: true, move: (_, y) => ({ ...s, end: y }) }];
  if (s.type === "step") return ["start", "end"].map((side) => ({ x: s.at_step, y: s[side], name: side === "start" ? "before the jump" : "after the jump",
    move: (x, y) => ({ ...s, at_step: Math.max(x, 0), [side]: y }) }));
  if (s.type === "cyclic") return [
    { x: 0, y: s.low, name: "low", fixed: true, move: (_, y) => ({ ...s, low: y }) },
    { x: s.period / 2, y: s.high, name: "high", move: (x, y) => ({ ...s, period: Math.max(2 * x, 1), high: y }) }];
  if (s.type === "piecewise") return s.points.map(([at, value], i) => ({ x: at, y: value, name: `point ${i + 1}`, point: i,
    move: (x, y) => ({ ...s, points: s.points.map((p, j) => (j === i ? [between(s.points, i, x), y] : p)) }) }));
  if (s.type === "warmup") return [
    { x: s.steps, y: valueAt(s.then, 0), name: "end of the warm-up", level: true, move: (x) => ({ ...s, steps: Math.max(x, 1) }) },
    ...handlesOf(s.then, last - s.steps).map((h) => ({ ...h, x: h.x + s.steps, point: undefined, name: `then: ${h.name}`,
      move: (x, y) => ({ ...s, then: h.move(x - s.steps, y) }) }))];
  const gap = Math.min(1, s.to_step - s.from_step);
  return [
    { x: s.from_step, y: s.start, name: "begin of the ramp", move: (x, y) => ({ ...s, from_step: clamp(x, 0, s.to_step - gap), start: y }) },
    { x: s.to_step, y: s.end, name: "end of the ramp", move: (x, y) => ({ ...s, to_step: Math.max(x, s.from_step + gap), end: y }) }];
};

// A point stays between its neighbours: the steps of a schedule rise.
const between = (points, i, x) => {
  const low = i > 0 ? points[i - 1][0] : 0, high = i < points.length - 1 ? points[i + 1][0] : Infinity;
  const gap = Math.min(1, (Math.min(high, low + 4) - low) / 4);
  return clamp(x, i > 0 ? low + gap : 0, high - gap);
};
const withPoint = (s, x, y) => ({ ...s, points: [...s.points, [x, y]].sort((a, b) => a[0] - b[0]) });
const withoutPoint = (s, i) => ({ ...s, points: s.points.filter((_, j) => j !== i) });
