"""Actions on a run in a list of runs: which it allows, and carrying them out."""

from typing import Any

import streamlit as st

from app.data import actions, draft, reads
from app.text import labels, theme
from app.widgets import html
from core.common.errors import ShowdownError
from core.config import sweep
from core.store.runs.queries import RunRow
from core.store.status import Status

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
    """The actions that a run allows now, in the order of its buttons."""
    buttons = []
    if r.status == Status.QUEUED:
        buttons += [_action("up", "▲"), _action("down", "▼"), _action("stop", "Stop", about="drop")]
    elif r.status.claimed and not r.stop_requested:
        buttons.append(_action("stop", "Stop", ask="Stop it now?"))
    elif r.status in (Status.FAILED, Status.STOPPED):
        buttons.append(_action("requeue", "Requeue"))
    return [*buttons, _action("clone", "Clone")]


def row(r: RunRow, why: str, place: str = "") -> dict[str, Any]:
    """The data of a run for `app.elements.runs.run_rows`."""
    label, tone = labels.STATUS[r.status]
    note = [f"run {r.id}", *([f"priority {r.priority:+d}"] if r.priority else [])]
    note.append(r.experiment or "on its own")  # last: a long name is cut
    return {
        "id": r.id,
        "name": r.name,
        "role": theme.arm_role(r.structure),
        "state": label,
        "tone": tone,
        "place": place,
        "note": html.visible(" · ".join(note)),
        "why": html.visible(why),
        "share": r.step / r.max_steps,
        "actions": offered(r),
    }


def cell(r: RunRow) -> dict[str, Any]:
    """The data of a run for `app.elements.runs.run_cells`."""
    description = [labels.STATUS[r.status][0], f"{r.step} of {r.max_steps} steps"]
    description += [f"gold accuracy {labels.percent(r.accuracy)}"] if r.accuracy is not None else []
    return {
        "id": r.id, "name": r.name, "text": sweep.brief(r.arm, r.swept, r.seed), "state": r.status.value,
        "said": ", ".join(description), "share": r.step / r.max_steps, "role": theme.arm_role(r.structure),
    }  # fmt: skip


def do(run_id: int, action: str) -> str:
    """Carry out an action and return the message to show; raises NotFound if there is no such run."""
    detail = reads.run_detail(run_id)
    if action == "stop":
        return actions.stop(run_id)
    if action == "requeue":
        return actions.requeue(run_id)
    if action in ("up", "down"):
        return actions.set_priority(run_id, detail.row.priority + (1 if action == "up" else -1))
    if action == "clone":
        draft.load_run(reads.config(run_id), f"{detail.row.experiment or detail.row.arm} again")
        return "Cloned into the draft."
    raise ValueError(f"no action is called {action!r}")


def did(message: str, page: str = "") -> None:
    """Show a message after a click that changed runs, then redraw the page or go to another one."""
    st.toast(html.plain(message))
    reads.forget_runs()
    if page:
        # Without query_params Streamlit stays here where a widget is bound to the address.
        st.switch_page(page, query_params={})
    st.rerun()


def answer(chosen: tuple[int, str] | None) -> None:
    """Carry out the action of a row's button that was pressed."""
    if chosen is None:
        return
    run_id, action = chosen
    try:
        message = do(run_id, action)
    except ShowdownError as error:
        st.toast(html.plain(str(error)), icon=":material/error:")
        return
    did(message, "views/design/page.py" if action == "clone" else "")
