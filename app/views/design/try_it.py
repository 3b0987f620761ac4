"""Try it: score a pasted completion with the mix and show the sum step by step, before a GPU is spent.

Nothing is trained.
"""

import streamlit as st

from app import elements
from app.text import labels
from app.text.theme import term_roles
from app.views.samples.detail import sum_data
from app.widgets import html
from core.analysis.probes import RIGHT, probes
from core.grading.answers import AnswerRule
from core.problems import Problem, arithmetic
from core.rewards import engine
from core.rewards.batch import of_problem
from core.rewards.mix import Mix

PROBES = (RIGHT, "Near miss", "Wrong answer only", "Empty", "Prompt copied")
SHOWN = 8  # problems offered
OWN = "own"  # id of a problem that is typed here


@st.cache_data(show_spinner=False)
def _problems() -> list[Problem]:
    return arithmetic.problems(SHOWN, "eval")


def _probe(name: str, problem: Problem) -> str:
    return next(p.text for p in probes(problem) if p.name == name)


def try_it(mix: Mix, step: int, answer_rule: AnswerRule) -> None:
    """Draw two cards: the text on the left, its sum on the right."""
    html.section(
        None, "Try it", "Score any completion with this mix, before a GPU is spent. Nothing is trained."
    )
    left_column, right_column = st.columns([5, 6])
    with left_column, st.container(key="card-try"):
        problem = _chosen()
        st.session_state.setdefault("try-text", _probe(RIGHT, problem))
        with st.container(horizontal=True):
            for name in PROBES:
                st.button(name, key=f"probe-{name}", on_click=_fill, args=(name, problem))
        text = st.text_area("Completion", height=170, key="try-text", persist_state="session")
    with right_column, st.container(key="card-sum", height="stretch"):
        _sum(mix, step, problem, text, answer_rule)


def _chosen() -> Problem:
    """Draw the choice of a problem, a shipped one or one typed here, and return it."""
    problem_by_id = {p.id: p for p in _problems()}
    if st.session_state.get("try-problem") not in (None, OWN, *problem_by_id):
        del st.session_state["try-problem"]  # a draft may name a problem that only another version has
    problem_id = st.selectbox(
        "Problem",
        [*problem_by_id, OWN],
        format_func=lambda i: problem_by_id[i].question if i in problem_by_id else "A problem of your own",
        key="try-problem",
        persist_state="session",
    )
    if problem_id in problem_by_id:
        return problem_by_id[problem_id]
    question = st.text_area("Question", height=80, key="try-question", persist_state="session")
    gold = st.text_input(
        "Gold answer", key="try-gold", persist_state="session", help="The final answer alone, such as 64."
    )
    if not gold.strip():
        html.note("Type the gold answer: without one no answer is right.")
    return Problem(OWN, question, gold.strip())


def _fill(name: str, problem: Problem) -> None:
    st.session_state["try-text"] = _probe(name, problem)


def _sum(mix: Mix, step: int, problem: Problem, text: str, answer_rule: AnswerRule) -> None:
    batch = of_problem(problem, [text], answer_rule)
    scored = engine.score(batch, mix, step)
    answer = batch.answers[0]
    roles = term_roles(mix)
    verdict = html.chip("Right answer", "good") if batch.correct[0] else html.chip("Wrong answer", "bad")
    html.head(
        f"parsed {answer.text if answer else 'no answer'}, gold {problem.gold}",
        f"at step {step}",
        chips=[verdict],
    )
    terms = []
    for k, name in enumerate(scored.terms):
        missing = scored.raw[0, k] != scored.raw[0, k]
        terms.append(
            {
                "term": name, "role": roles[name], "weight": float(scored.weights[k]),
                "raw": None if missing else float(scored.raw[0, k]),
                "shaped": None if missing else float(scored.shaped[0, k]),
                "contribution": None if missing else float(scored.contributions[0, k]),
                "why": labels.why_absent(mix.terms[k].component),
            }
        )  # fmt: skip
    total = float(scored.total[0])
    elements.sum_table("try-sum", sum_data(terms, None if total != total else total, rule=mix.rule.type))
    st.caption("An advantage needs a group: it appears in the samples of a run.")
