"""The mix as one line, and what in it is legal but does nothing. Called by the design page and app.parts.launch."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, assert_never

import streamlit as st

from app import prose
from app.theme import term_roles
from core.errors import ConfigError
from core.grpo import GrpoConfig
from core.lint import Finding, cannot_act
from core.mix import Mix, Term
from core.parsing import parse
from core.rules import RIGHT, Conciseness, Gate, Lexicographic, Stratified, Sum, Uncertainty, WorstCase

FACTORS = {"hard": "w_hard × ", "continuous": "(1 − w_hard) × ", "always": ""}


def formula(mix: Mix, badge: str = "") -> None:
    """The mix as one line, in the colours of its terms; `badge`: a chip that says which saved version it is."""
    roles = term_roles(mix)
    said = total(mix, lambda label: f"{prose.square(roles[label])}{prose.escape(label)}")
    st.html(f'<div class="sd-formula"><b>total</b> = {said}{badge}</div>')


def total(mix: Mix, mark: Callable[[str], str] = str) -> str:
    """What the mix's rule makes of its terms; `mark`: how a label is written. [...] is 1 where it holds, else 0."""
    rule, terms = mix.rule, {t.label: t for t in mix.terms}
    match rule:
        case Sum():
            return _added(mix, mix.terms, mark)
        case Gate():
            said = _added(mix, _without(mix, rule.order), mark)
            for name in reversed(rule.order):
                own = _added(mix, [terms[name]], mark)
                said = f"{own} + [{mark(name)} > {rule.above:g}] × ({said})" if said else own
            return said
        case Stratified():
            verdict, rest = f"[{mark(rule.verifier)} > {RIGHT:g}]", _added(mix, _without(mix, rule.names()), mark)
            right, wrong = rule.right_spread, rule.wrong_spread
            size = f"{right:g}" if right == wrong else f"({right:g} if right, {wrong:g} if wrong)"
            where = "from 0 to 1 among the right, and among the wrong, of its group"
            return f"{verdict} + {size} × (2m − 1), m = ({rest}) {where}" if rest else verdict
        case Conciseness():
            own, rest = _added(mix, [terms[rule.outcome]], mark), _added(mix, _without(mix, rule.names()), mark)
            bonus = f"{rule.alpha:g} × {mark(rule.concise)} × ({rule.s:g} + d)"
            return f"{own} × (1 + {bonus}){_and(rest)}, d = 1 − the group's mean {mark(rule.outcome)}"
        case WorstCase():
            return _ensemble(mix, rule, mark, "min({0})")
        case Uncertainty():
            return _ensemble(mix, rule, mark, f"(mean({{0}}) − {rule.lambda_:g} × var({{0}}))")
        case Lexicographic():
            margin = f", a difference counts above {rule.margin:g} std" if rule.margin else ""
            return f"(wins − losses) / others of the group, by {', then '.join(map(mark, rule.order))}{margin}"
    assert_never(rule)


def _without(mix: Mix, names: Sequence[str]) -> list[Term]:
    return [t for t in mix.terms if t.label not in names]


def _and(rest: str) -> str:
    return f" + {rest}" if rest else ""


def _weight(term: Term) -> str:
    """Two decimals where they say it, else all."""
    if not isinstance(term.weight, float | int):
        return "w(t)"
    short = f"{term.weight:.2f}"
    return short if float(short) == term.weight else f"{term.weight:g}"


def _added(mix: Mix, terms: Sequence[Term], mark: Callable[[str], str], weights_only: bool = False) -> str:
    """Contributions, or their weights alone, one side after the other; what a side shares stands before it once."""
    parts = []
    for side, factor in FACTORS.items():
        mine = [_weight(t) if weights_only else f"{_weight(t)} {mark(t.label)}" for t in terms if t.side == side]
        if mine and factor and mix.structure == "hybrid":
            parts.append(f"{factor}{mine[0]}" if len(mine) == 1 else f"{factor}({' + '.join(mine)})")
        elif mine:
            parts.append(" + ".join(mine))
    return " + ".join(parts)


def _ensemble(mix: Mix, rule: WorstCase | Uncertainty, mark: Callable[[str], str], judged: str) -> str:
    """The members' weights times what `judged` makes of their scores, and the others as they add."""
    members = [t for t in mix.terms if (not rule.terms or t.label in rule.terms) and _may_count(t)]
    rest = _added(mix, [t for t in mix.terms if t not in members], mark)
    if not members:
        return rest
    weights = _added(mix, members, mark, weights_only=True)
    return f"({weights}) × {judged.format(', '.join(mark(t.label) for t in members))}{_and(rest)}"


def _may_count(term: Term) -> bool:
    """Its weight is above 0 at some step: a penalty is no judge."""
    return (term.weight if isinstance(term.weight, float | int) else term.weight.bounds()[1]) > 0


def idle(mix: Mix, grpo: dict[str, Any]) -> None:
    """What is legal but does nothing, before it costs a run."""
    try:
        found = cannot_act(mix, parse(GrpoConfig, grpo))
    except ConfigError:
        return  # the Queue page, where these settings are, says what is wrong with them
    if found:
        with st.container(key="card-lint"):
            idle_said(found)


def idle_said(found: Iterable[Finding]) -> None:
    """Each finding, under a heading."""
    prose.head("This cannot act", "legal, but it does nothing, or not what it seems to")
    for place, message in found:
        prose.remark(f"{place}: {message}")
