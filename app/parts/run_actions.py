"""What can be done to a run from a list of runs, and doing it. Called by the Queue page; `did` also by the Run page."""

from typing import Any

import streamlit as st

from app import actions, cache, draft, prose, theme, words
from core import sweep
from core.errors import ShowdownError
from core.store.queries import RunRow
from core.store.states import Status

HELP = {
    "stop": "Writes a checkpoint at the next step boundary, then ends. You can resume it.",
    "drop": "It leaves the queue. You can put it back.",
    "requeue": "Back into the queue; it goes on from its last checkpoint.",
    "clone": "Its mix and settings as a new draft on the Design page.",
    "up": "Higher priority: taken before those with a lower one.",
    "down": "Lower priority: taken after those with a higher one.",
}


def _action(name: str, label: str, ask: str = "", about: str = "") -> dict[str, str]:
    return {"name": name, "label": label, "ask": ask, "help": HELP[about or name]}


def offered(r: RunRow) -> list[dict[str, str]]:
    """What this run allows now, in the order of its buttons."""
    found = []
    if r.status == Status.QUEUED:
        found += [_action("up", "▲"), _action("down", "▼"), _action("stop", "Stop", about="drop")]
    elif r.status.claimed and not r.stop_requested:
        found.append(_action("stop", "Stop", ask="Stop it now?"))
    elif r.status in (Status.FAILED, Status.STOPPED):
        found.append(_action("requeue", "Requeue"))
    return [*found, _action("clone", "Clone")]


def row(r: RunRow, why: str, place: str = "") -> dict[str, Any]:
    """A run as app.elements.runs.run_rows draws it."""
    label, tone = words.STATUS[r.status]
    note = [f"run {r.id}", *([f"priority {r.priority:+d}"] if r.priority else [])]
    note.append(r.experiment or "on its own")  # last: a long name is cut
    return {
        "id": r.id, "name": r.name, "role": theme.arm_role(r.structure), "state": label, "tone": tone, "place": place,
        "note": prose.visible(" · ".join(note)), "why": prose.visible(why), "share": r.step / r.max_steps,
        "actions": offered(r),
    }  # fmt: skip


def cell(r: RunRow) -> dict[str, Any]:
    """A run as app.elements.runs.run_cells draws it."""
    said = [words.STATUS[r.status][0], f"{r.step} of {r.max_steps} steps"]
    said += [f"gold accuracy {words.percent(r.accuracy)}"] if r.accuracy is not None else []
    return {
        "id": r.id, "name": r.name, "text": sweep.brief(r.arm, r.swept, r.seed), "state": r.status.value,
        "said": ", ".join(said), "share": r.step / r.max_steps, "role": theme.arm_role(r.structure),
    }  # fmt: skip


def do(run_id: int, action: str) -> str:
    """Do it; what to tell the person. NotFound without such a run."""
    detail = cache.run_detail(run_id)
    if action == "stop":
        return actions.stop(run_id)
    if action == "requeue":
        return actions.requeue(run_id)
    if action in ("up", "down"):
        return actions.set_priority(run_id, detail.row.priority + (1 if action == "up" else -1))
    if action == "clone":
        draft.load_run(cache.config(run_id), f"{detail.row.experiment or detail.row.arm} again")
        return "Cloned into the draft."
    raise ValueError(f"no action is called {action!r}")


def did(message: str, page: str = "") -> None:
    """After a click that changed runs: say what happened, and draw the page anew, or go to another."""
    st.toast(prose.plain(message))
    cache.forget_runs()
    if page:
        st.switch_page(page, query_params={})  # without, Streamlit goes nowhere where a widget is bound to the address
    st.rerun()


def answer(chosen: tuple[int, str] | None) -> None:
    """What a press of a row's button leads to."""
    if chosen is None:
        return
    run_id, action = chosen
    try:
        message = do(run_id, action)
    except ShowdownError as error:
        st.toast(prose.plain(str(error)), icon=":material/error:")
        return
    did(message, "views/design.py" if action == "clone" else "")
