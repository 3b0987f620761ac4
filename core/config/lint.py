"""Finds what cannot act in a mix or in the GRPO settings, before GPU time is spent on it.

Each finding is (field path, message): the config is legal, but something in it does nothing, or not what
it seems to do. Paths of a mix begin inside it (`terms.0.weight`), those of GRPO settings with `grpo.`,
swept ones with `sweep.`.
"""

import json
from collections.abc import Iterator

from core.config.experiment import ExperimentConfig, Planned
from core.config.grpo import GrpoConfig
from core.config.ineffective_settings import effective, idle_settings
from core.config.sweep import shown, variant
from core.rewards.adaptive import Adaptive
from core.rewards.advantage import Filtered, Group, Mixed, NoisyVerifier, NormalizeThenSum, WReinforce
from core.rewards.combination import Lexicographic, Stratified, Uncertainty, WorstCase
from core.rewards.mix import Mix, Term
from core.rewards.schedule import Constant, Step, value_at
from core.rewards.shaping import Affine, Clip

Finding = tuple[str, str]
LOOKS = 201  # steps at which a schedule is sampled


def cannot_act(mix: Mix, grpo: GrpoConfig) -> list[Finding]:
    """Every finding for a mix in a training of `grpo.max_steps`."""
    last = grpo.max_steps
    mix = mix.in_steps(last)
    steps = [1 + (last - 1) * i / (LOOKS - 1) for i in range(LOOKS)]
    return [
        *_zero_sides(mix, steps),
        *_zero_terms(mix, steps),
        *_late_schedules(mix, last),
        *_shapings(mix),
        *_rules(mix, grpo, steps),
        *_settings(mix, grpo),
    ]


def cannot_act_in(experiment: ExperimentConfig) -> list[tuple[str, str, str]]:
    """(variant, field path, message) of each finding in an experiment, once: seeds share findings.

    The variant is "" where every run has the finding, and where it is about the sweep itself.
    """
    runs = [p for p in experiment.planned() if p.config.seed == experiment.seeds[0]]
    swept = _swept(runs)
    covered = {place.removeprefix("sweep.") for place, _ in swept}
    by_finding: dict[Finding, list[str]] = {}
    for run in runs:
        for place, message in cannot_act(run.config.mix, run.config.grpo):
            if place not in covered:
                by_finding.setdefault((place, message), []).append(variant(run.config.name, run.swept))
    findings = [("", place, message) for place, message in swept]
    for (place, message), names in by_finding.items():
        findings += (
            [("", place, message)]
            if len(names) == len(runs) > 1
            else [(name, place, message) for name in names]
        )
    return findings


def _swept(runs: list[Planned]) -> list[Finding]:
    """Findings for swept GRPO settings of which several values train the same."""
    runs_by_config: dict[str, list[Planned]] = {}
    for run in runs:
        config = run.config.resolved() | {"grpo": effective(run.config.grpo, run.config.mix)}
        runs_by_config.setdefault(json.dumps(config, sort_keys=True), []).append(run)
    findings: dict[Finding, None] = {}
    for group in runs_by_config.values():
        idle = idle_settings(group[-1].config.grpo, group[-1].config.mix)
        for path in group[0].swept:
            values = list(dict.fromkeys(shown(run.swept[path]) for run in group))
            name = path.removeprefix("grpo.")
            if len(values) > 1 and name in idle:
                findings[f"sweep.{path}", f"{', '.join(values)} train the same: {idle[name]}"] = None
    return list(findings)


def _settings(mix: Mix, grpo: GrpoConfig) -> Iterator[Finding]:
    """Findings for GRPO settings that were changed but cannot act."""
    for name, reason in idle_settings(grpo, mix).items():
        if getattr(grpo, name) != GrpoConfig.model_fields[name].default:
            yield f"grpo.{name}", f"{shown(getattr(grpo, name))} cannot act: {reason}"
    if grpo.loss_type == "cispo" and grpo.epsilon_high is not None and grpo.epsilon_high < 1:
        yield (
            "grpo.epsilon_high",
            f"{grpo.epsilon_high:g} bounds the ratio itself under loss_type cispo, not 1 + epsilon_high: "
            "it scales nearly every gradient by that; leave it empty for 5",
        )


def _weight_is_zero(term: Term, steps: list[float]) -> bool:
    if isinstance(term.weight, Adaptive):
        return term.weight.bounds() == (0.0, 0.0)
    return all(value_at(term.weight, s) == 0 for s in steps)


def _zero_sides(mix: Mix, steps: list[float]) -> Iterator[Finding]:
    for side in ("hard", "continuous"):
        side_terms = [t for t in mix.terms if t.side == side]
        if side_terms and mix.structure == "hybrid" and all(_weight_is_zero(t, steps) for t in side_terms):
            yield "terms", f"every weight on the {side} side is 0, so the blend has nothing to move to there"
    if mix.structure == "hybrid" and mix.blend is not None and not isinstance(mix.blend, Adaptive):
        shares = {mix.hard_share(s) for s in steps}
        if shares <= {0.0} or shares <= {1.0}:
            unused = "hard" if shares == {0.0} else "continuous"
            yield (
                "blend",
                f"the blend stays at {shares.pop():g} for the whole training, "
                f"so the {unused} side never acts",
            )


def _zero_terms(mix: Mix, steps: list[float]) -> Iterator[Finding]:
    rule_terms = set(mix.rule.names())
    for i, term in enumerate(mix.terms):
        if _weight_is_zero(term, steps) and term.label not in rule_terms:
            yield (
                f"terms.{i}.weight",
                f"the weight of {term.label} is 0 at every step: it is scored and stored, but trains nothing",
            )


def _late_schedules(mix: Mix, last: int) -> Iterator[Finding]:
    for name, schedule in mix.schedules.items():
        place = (
            "blend" if name == "blend" else f"terms.{mix.labels.index(name.removeprefix('weight/'))}.weight"
        )
        low, high = schedule.bounds()
        if low == high and not isinstance(schedule, Constant):
            yield place, f"is {low:g} from beginning to end: a constant says so more plainly"
        if isinstance(schedule, Adaptive):
            yield from _out_of_reach(place, schedule, last)
        late_breakpoints = [b for b in schedule.breakpoints() if b > last + 1e-6]
        if late_breakpoints and isinstance(schedule, Step):
            yield (
                place,
                f"jumps after step {late_breakpoints[0]:g}, but training ends at {last}: it never jumps",
            )
        elif late_breakpoints:
            reached = value_at(schedule, last)
            yield (
                place,
                f"ends at step {max(late_breakpoints):g}, but training ends at {last}: "
                f"it gets as far as {reached:.3g}",
            )


def _out_of_reach(place: str, schedule: Adaptive, last: int) -> Iterator[Finding]:
    if schedule.signal in ("accuracy", "dead_groups") and schedule.threshold >= 1:
        yield (
            place,
            f"switches on when {schedule.signal} is above {schedule.threshold:g}, but it never is above 1",
        )
    if schedule.signal == "plateau" and schedule.threshold >= last:
        yield place, f"switches on after {schedule.threshold:g} steps without a rise, but training has {last}"


def _size_cancels(mix: Mix) -> bool:
    """Whether scaling the totals leaves the advantages as they are."""
    rule = mix.advantage
    if isinstance(rule, Group):
        return rule.type != "none" and rule.std_floor == 0
    return isinstance(rule, Filtered | NormalizeThenSum) or (isinstance(rule, Mixed) and rule.scale != "none")


def _shapings(mix: Mix) -> Iterator[Finding]:
    is_only_term = len(mix.terms) == 1
    is_centred = mix.advantage.compares_totals or mix.advantage.type in ("mixed", "normalize_then_sum")
    for i, term in enumerate(mix.terms):
        place = f"terms.{i}.shaping"
        shaping = term.shaping
        low, high = term.definition.range
        if isinstance(shaping, Clip) and (shaping.low >= high or shaping.high <= low):
            message = f"clips {term.label}, which lies in [{low:g}, {high:g}], to one value"
            yield place, f"{message}: equal in every group, it trains nothing"
        if not isinstance(shaping, Affine):
            continue
        if shaping.scale == 0:
            yield place, f"scale 0 makes {term.label} the same for every sample: it trains nothing"
        elif shaping.shift and is_centred and mix.rule.type == "sum":
            yield (
                place,
                f"the shift of {term.label} cancels in groups where it applies to every sample: "
                "their mean is taken off",
            )
        if shaping.scale > 0 and shaping.scale != 1 and mix.rule.type == "sum":
            if mix.advantage.type == "normalize_then_sum":
                yield (
                    place,
                    f"the scale of {term.label} cancels: "
                    "this advantage rule makes every term a z-score first",
                )
            elif is_only_term and _size_cancels(mix):
                yield (
                    place,
                    f"the scale of {term.label} cancels: "
                    "it is the only term, and the advantage divides by the spread",
                )


def _rules(mix: Mix, grpo: GrpoConfig, steps: list[float]) -> Iterator[Finding]:
    rule = mix.advantage
    if isinstance(rule, Filtered) and rule.n >= grpo.num_generations:
        yield "advantage.n", f"keeps {rule.n} of {grpo.num_generations} samples a group: nothing is filtered"
    if isinstance(rule, WReinforce):
        if mix.structure != "hard":
            yield (
                "advantage",
                f"only asks whether the total is above {rule.above:g}: what else is in it hardly acts",
            )
        elif mix.rule.type == "sum" and (highest := _highest(mix, steps)) <= rule.above:
            yield (
                "advantage.above",
                f"no total can be above {rule.above:g} (the highest is {highest:g}): none is right",
            )
    if isinstance(rule, NoisyVerifier) and (mix.structure != "hard" or abs(_highest(mix, steps) - 1) > 1e-9):
        yield "advantage", "corrects a verdict of 0 or 1: with other totals its rates mean nothing"
    if isinstance(rule, Mixed) and mix.structure != "hybrid":
        yield "advantage", "mixes the advantages of two sides, but the mix has one"
    if isinstance(rule, Mixed | NormalizeThenSum) and mix.rule.type != "sum":
        yield (
            "rule",
            f"the advantage rule {rule.type} works on the terms themselves: "
            f"the combination rule {mix.rule.type} is not used",
        )
    yield from _combination(mix, steps)
    is_only_schedule = len(mix.terms) == 1 and not isinstance(mix.terms[0].weight, int | float | Adaptive)
    if (
        is_only_schedule
        and _size_cancels(mix)
        and mix.rule.type == "sum"
        and all(mix.own_weight(mix.terms[0], s) > 0 for s in steps)
    ):
        yield "terms.0.weight", "the schedule of the only term cancels: the size of the total is divided away"


def _highest(mix: Mix, steps: list[float]) -> float:
    """Largest total that a sum can have at any of the steps; adaptive weights count as at their start."""
    return max(
        sum(max(f * b for b in t.definition.range) for t in mix.terms if (f := mix.factor(t, s)))
        for s in steps
    )


def _combination(mix: Mix, steps: list[float]) -> Iterator[Finding]:
    rule = mix.rule
    if isinstance(rule, Lexicographic):
        if any(t.weight != 1 for t in mix.terms) or mix.structure == "hybrid":
            yield "rule", "compares samples by the order of the terms: weights and the blend are not used"
        for name in mix.labels:
            if name not in rule.order:
                yield "rule.order", f"{name} is not in the order: it is scored and stored, but trains nothing"
    if isinstance(rule, Stratified):
        if len(mix.terms) == 1:
            yield (
                "rule",
                f"orders samples by the other terms, but {rule.verifier} is the only one: "
                "it is right or wrong alone",
            )
        if "blend" in mix.schedules and not isinstance(mix.blend, Constant):
            yield (
                "rule",
                "maps every total into two narrow bands: "
                "the blend only changes how the other terms are mixed inside them",
            )
    if isinstance(rule, WorstCase | Uncertainty):
        for name in rule.terms:
            if _weight_is_zero(mix.terms[mix.labels.index(name)], steps):
                yield (
                    "rule.terms",
                    f"{name} has no weight, so it has no say in the {rule.type.replace('_', ' ')}",
                )
