"""Try it: score a pasted completion with the mix, step of the sum by step, before a GPU is spent. Nothing is trained."""

import streamlit as st

from app import elements, prose, words
from app.parts.sample_detail import sum_data
from app.theme import term_roles
from core import engine
from core.answers import AnswerRule
from core.batch import of_problem
from core.mix import Mix
from core.probes import RIGHT, probes
from core.problems import Problem, arithmetic

PROBES = (RIGHT, "Near miss", "Wrong answer only", "Empty", "Prompt copied")
SHOWN = 8  # problems offered
OWN = "own"  # the id of a problem that is typed here


@st.cache_data(show_spinner=False)
def _problems() -> list[Problem]:
    return arithmetic.problems(SHOWN, "eval")


def _probe(name: str, problem: Problem) -> str:
    return next(p.text for p in probes(problem) if p.name == name)


def try_it(mix: Mix, step: int, answer_rule: AnswerRule) -> None:
    """Two cards: the text on the left, its sum on the right."""
    prose.section(None, "Try it", "Score any completion with this mix, before a GPU is spent. Nothing is trained.")
    left, right = st.columns([5, 6])
    with left, st.container(key="card-try"):
        problem = _chosen()
        st.session_state.setdefault("try-text", _probe(RIGHT, problem))
        with st.container(horizontal=True):
            for name in PROBES:
                st.button(name, key=f"probe-{name}", on_click=_fill, args=(name, problem))
        text = st.text_area("Completion", height=170, key="try-text", persist_state="session")
    with right, st.container(key="card-sum", height="stretch"):
        _sum(mix, step, problem, text, answer_rule)


def _chosen() -> Problem:
    """One of those that are shipped, or one that is typed here."""
    found = {p.id: p for p in _problems()}
    if st.session_state.get("try-problem") not in (None, OWN, *found):
        del st.session_state["try-problem"]  # kept with the draft by a version that had it
    chosen = st.selectbox(
        "Problem", [*found, OWN], format_func=lambda i: found[i].question if i in found else "A problem of your own",
        key="try-problem", persist_state="session",
    )  # fmt: skip
    if chosen in found:
        return found[chosen]
    question = st.text_area("Question", height=80, key="try-question", persist_state="session")
    gold = st.text_input("Gold answer", key="try-gold", persist_state="session", help="The final answer alone, such as 64.")
    if not gold.strip():
        prose.note("Type the gold answer: without one no answer is right.")
    return Problem(OWN, question, gold.strip())


def _fill(name: str, problem: Problem) -> None:
    st.session_state["try-text"] = _probe(name, problem)


def _sum(mix: Mix, step: int, problem: Problem, text: str, answer_rule: AnswerRule) -> None:
    batch = of_problem(problem, [text], answer_rule)
    scored = engine.score(batch, mix, step)
    answer, roles = batch.answers[0], term_roles(mix)
    verdict = prose.chip("Right answer", "good") if batch.correct[0] else prose.chip("Wrong answer", "bad")
    prose.head(f"parsed {answer.text if answer else 'no answer'}, gold {problem.gold}", f"at step {step}", chips=[verdict])
    terms = []
    for k, name in enumerate(scored.terms):
        missing = scored.raw[0, k] != scored.raw[0, k]
        terms.append(
            {
                "term": name, "role": roles[name], "weight": float(scored.weights[k]),
                "raw": None if missing else float(scored.raw[0, k]),
                "shaped": None if missing else float(scored.shaped[0, k]),
                "contribution": None if missing else float(scored.contributions[0, k]),
                "why": words.why_absent(mix.terms[k].component),
            }
        )  # fmt: skip
    total = float(scored.total[0])
    elements.sum_table("try-sum", sum_data(terms, None if total != total else total, rule=mix.rule.type))
    st.caption("An advantage needs a group: it appears in the samples of a run.")
