"""What in a mix cannot act, said before a GPU is spent. Called by the design page, the CLI and core.launch.

Each finding is (field path, message): the config is legal, but something in it does nothing, or not what it seems to do.
"""

from collections.abc import Iterator

from core.adaptive import Adaptive
from core.config import GrpoConfig
from core.mix import Mix, Term
from core.schedule import Constant, Step, value_at
from core.shaping import Affine, Clip

Finding = tuple[str, str]
LOOKS = 201  # steps at which a schedule is looked at
CENTRED = ("group", "batch", "none", "filtered", "normalize_then_sum", "mixed")
OWN_SCALE = ("group", "filtered", "normalize_then_sum", "mixed")  # the size of the totals is divided away


def cannot_act(mix: Mix, grpo: GrpoConfig) -> list[Finding]:
    """Every finding of a mix in a training of `grpo.max_steps`."""
    last = grpo.max_steps
    mix = mix.in_steps(last)
    steps = [1 + (last - 1) * i / (LOOKS - 1) for i in range(LOOKS)]
    return [
        *_zero_sides(mix, steps),
        *_zero_terms(mix, steps),
        *_late_schedules(mix, last),
        *_shapings(mix),
        *_rules(mix, grpo),
    ]


def _weight_is_zero(term: Term, steps: list[float]) -> bool:
    if isinstance(term.weight, Adaptive):
        return term.weight.bounds() == (0.0, 0.0)
    return all(value_at(term.weight, s) == 0 for s in steps)


def _zero_sides(mix: Mix, steps: list[float]) -> Iterator[Finding]:
    for side in ("hard", "continuous"):
        mine = [t for t in mix.terms if t.side == side]
        if mine and mix.structure == "hybrid" and all(_weight_is_zero(t, steps) for t in mine):
            yield "terms", f"every weight on the {side} side is 0, so the blend has nothing to move to there"
    if mix.structure == "hybrid" and mix.blend is not None and not isinstance(mix.blend, Adaptive):
        shares = {mix.hard_share(s) for s in steps}
        if shares <= {0.0} or shares <= {1.0}:
            unused = "hard" if shares == {0.0} else "continuous"
            yield "blend", f"the blend stays at {shares.pop():g} for the whole training, so the {unused} side never acts"


def _zero_terms(mix: Mix, steps: list[float]) -> Iterator[Finding]:
    named = set(mix.rule.names())
    for i, term in enumerate(mix.terms):
        if _weight_is_zero(term, steps) and term.label not in named:
            yield (
                f"terms.{i}.weight",
                f"the weight of {term.label} is 0 at every step: it is scored and stored, but trains nothing",
            )


def _late_schedules(mix: Mix, last: int) -> Iterator[Finding]:
    for name, schedule in mix.schedules.items():
        place = "blend" if name == "blend" else f"terms.{mix.labels.index(name.removeprefix('weight/'))}.weight"
        late = [b for b in schedule.breakpoints() if b > last + 1e-6]
        if late and isinstance(schedule, Step):
            yield place, f"jumps after step {late[0]:g}, but training ends at {last}: it never jumps"
        elif late:
            at = value_at(schedule, last)
            yield place, f"ends at step {max(late):g}, but training ends at {last}: it gets as far as {at:.3g}"


def _shapings(mix: Mix) -> Iterator[Finding]:
    rule, alone = mix.advantage.type, len(mix.terms) == 1
    for i, term in enumerate(mix.terms):
        place, shaping = f"terms.{i}.shaping", term.shaping
        low, high = term.definition.range
        if isinstance(shaping, Clip) and (shaping.low >= high or shaping.high <= low):
            yield (
                place,
                f"clips {term.label}, which lies in [{low:g}, {high:g}], to one value: equal in every group, it trains nothing",
            )
        if not isinstance(shaping, Affine):
            continue
        if shaping.scale == 0:
            yield place, f"scale 0 makes {term.label} the same for every sample: it trains nothing"
        elif shaping.shift and rule in CENTRED and mix.rule.type == "sum":
            yield place, f"the shift of {term.label} cancels: the advantage is the total minus its group's mean"
        if shaping.scale not in (0, 1) and alone and rule in OWN_SCALE:
            yield place, f"the scale of {term.label} cancels: it is the only term, and the advantage divides by the spread"
        elif shaping.scale not in (0, 1) and rule == "normalize_then_sum":
            yield place, f"the scale of {term.label} cancels: this advantage rule makes every term a z-score first"


def _rules(mix: Mix, grpo: GrpoConfig) -> Iterator[Finding]:
    rule = mix.advantage
    if rule.type == "filtered" and rule.n >= grpo.num_generations:
        yield "advantage.n", f"keeps {rule.n} of {grpo.num_generations} samples a group: nothing is filtered"
    if rule.type == "w_reinforce" and mix.structure != "hard":
        yield (
            "advantage",
            f"only asks whether the total is above {rule.above:g}: how far above, and so the continuous side, hardly acts",
        )
    if rule.type == "mixed" and mix.structure != "hybrid":
        yield "advantage", "mixes the advantages of two sides, but the mix has one"
    if rule.type in ("mixed", "normalize_then_sum") and mix.rule.type != "sum":
        yield (
            "rule",
            f"the advantage rule {rule.type} works on the terms themselves: the combination rule {mix.rule.type} is not used",
        )
    weighed = any(t.weight != 1 for t in mix.terms) or mix.structure == "hybrid"
    if mix.rule.type == "lexicographic" and weighed:
        yield "rule", "compares samples by the order of the terms: weights and the blend are not used"
    if mix.rule.type == "stratified" and "blend" in mix.schedules and not isinstance(mix.blend, Constant):
        yield "rule", "maps every total into two narrow bands: the blend only changes how the other terms are mixed inside them"
    if len(mix.terms) == 1 and rule.type == "group" and not isinstance(mix.terms[0].weight, int | float):
        yield (
            "terms.0.weight",
            "the schedule of the only term cancels: under group scaling the size of the total is divided away",
        )
