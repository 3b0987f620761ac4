"""The mix as one line, and what in it is legal but does nothing. Called by the design page and app.parts.launch."""

from collections.abc import Iterable
from typing import Any

import streamlit as st

from app import prose
from app.theme import term_roles
from core.errors import ConfigError
from core.grpo import GrpoConfig
from core.lint import Finding, cannot_act
from core.mix import Mix
from core.parsing import parse


def formula(mix: Mix, badge: str = "") -> None:
    """The mix as one line, in the colours of its terms; `badge`: a chip that says which saved version it is."""
    roles = term_roles(mix)

    def side(name: str) -> str:
        weights = [
            (t, "w(t)" if not isinstance(t.weight, float | int) else f"{t.weight:.2f}") for t in mix.terms if t.side == name
        ]
        return " + ".join(f"{w} {prose.square(roles[t.label])}{t.label}" for t, w in weights)

    hybrid = mix.structure == "hybrid"
    parts = []
    for name, factor in (("hard", "w_hard × "), ("continuous", "(1 − w_hard) × "), ("always", "")):
        if side(name):
            parts.append(f"{factor}({side(name)})" if hybrid and factor else side(name))
    st.html(f'<div class="sd-formula"><b>total</b> = {" + ".join(parts)}{badge}</div>')


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
