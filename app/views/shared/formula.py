"""The mix as one line, and what in it is legal but does nothing."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, assert_never

import streamlit as st

from app.text.theme import term_roles
from app.widgets import html
from core.common.errors import ConfigError
from core.config.grpo import GrpoConfig
from core.config.lint import Finding, cannot_act
from core.config.parsing import parse
from core.rewards.combination import (
    RIGHT,
    Conciseness,
    Gate,
    Lexicographic,
    Stratified,
    Sum,
    Uncertainty,
    WorstCase,
)
from core.rewards.mix import Mix, Term

FACTORS = {"hard": "w_hard × ", "continuous": "(1 − w_hard) × ", "always": ""}


def formula(mix: Mix, badge: str = "") -> None:
    """Draw the mix as one line in the colours of its terms; `badge` is a chip with its saved version."""
    roles = term_roles(mix)
    text = total(mix, lambda label: f"{html.square(roles[label])}{html.escape(label)}")
    st.html(f'<div class="sd-formula"><b>total</b> = {text}{badge}</div>')


def total(mix: Mix, mark: Callable[[str], str] = str) -> str:
    """The combination rule as a formula for the total; `mark` writes a label.

    [...] is 1 where the condition holds, else 0.
    """
    rule = mix.rule
    terms = {t.label: t for t in mix.terms}
    match rule:
        case Sum():
            return _added(mix, mix.terms, mark)
        case Gate():
            text = _added(mix, _without(mix, rule.order), mark)
            for name in reversed(rule.order):
                own = _added(mix, [terms[name]], mark)
                text = f"{own} + [{mark(name)} > {rule.above:g}] × ({text})" if text else own
            return text
        case Stratified():
            verdict = f"[{mark(rule.verifier)} > {RIGHT:g}]"
            remainder = _added(mix, _without(mix, rule.names()), mark)
            right = rule.right_spread
            wrong = rule.wrong_spread
            size = f"{right:g}" if right == wrong else f"({right:g} if right, {wrong:g} if wrong)"
            range_text = "from 0 to 1 among the right, and among the wrong, of its group"
            return f"{verdict} + {size} × (2m − 1), m = ({remainder}) {range_text}" if remainder else verdict
        case Conciseness():
            own = _added(mix, [terms[rule.outcome]], mark)
            remainder = _added(mix, _without(mix, rule.names()), mark)
            bonus = f"{rule.alpha:g} × {mark(rule.concise)} × ({rule.s:g} + d)"
            return f"{own} × (1 + {bonus}){_and(remainder)}, d = 1 − the group's mean {mark(rule.outcome)}"
        case WorstCase():
            return _ensemble(mix, rule, mark, "min({0})")
        case Uncertainty():
            return _ensemble(mix, rule, mark, f"(mean({{0}}) − {rule.lambda_:g} × var({{0}}))")
        case Lexicographic():
            margin = f", a difference counts above {rule.margin:g} std" if rule.margin else ""
            return (
                f"(wins − losses) / others of the group, by {', then '.join(map(mark, rule.order))}{margin}"
            )
    assert_never(rule)


def _without(mix: Mix, names: Sequence[str]) -> list[Term]:
    return [t for t in mix.terms if t.label not in names]


def _and(rest: str) -> str:
    return f" + {rest}" if rest else ""


def _weight(term: Term) -> str:
    """A weight with two decimals if these are exact, else with up to six digits."""
    if not isinstance(term.weight, float | int):
        return "w(t)"
    short = f"{term.weight:.2f}"
    return short if float(short) == term.weight else f"{term.weight:g}"


def _added(mix: Mix, terms: Sequence[Term], mark: Callable[[str], str], weights_only: bool = False) -> str:
    """The sum of contributions, or of weights alone; the factor that a side shares is written once."""
    parts = []
    for side, factor in FACTORS.items():
        summands = [
            _weight(t) if weights_only else f"{_weight(t)} {mark(t.label)}" for t in terms if t.side == side
        ]
        if summands and factor and mix.structure == "hybrid":
            parts.append(
                f"{factor}{summands[0]}" if len(summands) == 1 else f"{factor}({' + '.join(summands)})"
            )
        elif summands:
            parts.append(" + ".join(summands))
    return " + ".join(parts)


def _ensemble(mix: Mix, rule: WorstCase | Uncertainty, mark: Callable[[str], str], judged: str) -> str:
    """The members' weights times `judged` of their scores, plus the sum of the other terms."""
    members = [t for t in mix.terms if (not rule.terms or t.label in rule.terms) and _may_count(t)]
    remainder = _added(mix, [t for t in mix.terms if t not in members], mark)
    if not members:
        return remainder
    weights = _added(mix, members, mark, weights_only=True)
    return f"({weights}) × {judged.format(', '.join(mark(t.label) for t in members))}{_and(remainder)}"


def _may_count(term: Term) -> bool:
    """Whether the weight is above 0 at some step: a penalty is not a judge."""
    return (term.weight if isinstance(term.weight, float | int) else term.weight.bounds()[1]) > 0


def idle(mix: Mix, grpo: dict[str, Any]) -> None:
    """Show what is legal but does nothing, before it costs a run."""
    try:
        findings = cannot_act(mix, parse(GrpoConfig, grpo))
    except ConfigError:
        return  # the Queue page, which has these settings, shows what is wrong with them
    if findings:
        with st.container(key="card-lint"):
            idle_said(findings)


def idle_said(found: Iterable[Finding]) -> None:
    """Draw each finding, under a heading."""
    html.head("This cannot act", "legal, but it does nothing, or not what it seems to")
    for place, message in found:
        html.remark(f"{place}: {message}")
