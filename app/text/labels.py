"""Wording shown to people: states, times, numbers with units."""

import json
import time

from app.text.tone import Tone
from core.config.sweep import shown
from core.metrics import count as count
from core.metrics import describe
from core.metrics import percent as percent
from core.rewards.component import FROM_OTHER_MODELS, FROM_POLICY
from core.rewards.components import COMPONENTS
from core.store.status import Status

STATUS: dict[Status, tuple[str, Tone]] = {
    Status.QUEUED: ("Queued", "neutral"),
    Status.STARTING: ("Starting", "accent"),
    Status.RUNNING: ("Running", "accent"),
    Status.DONE: ("Done", "good"),
    Status.FAILED: ("Failed", "bad"),
    Status.STOPPED: ("Stopped", "neutral"),
    Status.LOST: ("Lost", "warn"),
    Status.UNKNOWN: ("Unknown", "bad"),
}
TOTAL = "What the mix made of the scores: the sum of the contributions, or what the rule makes of them."
ADVANTAGE = "Advantage: what GRPO trains on. Its sum stands in the sample's own table."
SURPRISE = (
    "Surprise: a wrong answer's total less the mean total of the right ones of its group; a right one's, the mean total of the "
    "wrong ones less its own. Above 0 the reward likes the wrong better."
)
NLL = "Mean over the completion's tokens of −log p (nats), under the policy that wrote it, at the sampling temperature."


def duration(seconds: float) -> str:
    """A duration as 12 s, 3 min, 2 h 5 min or 3 d 4 h."""
    if seconds < 99:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h {minutes % 60} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def setting(value: object) -> str:
    """A setting's value as text: `empty` for none, JSON for lists."""
    return (
        shown(value)
        if value is None or isinstance(value, bool | int | float | str)
        else json.dumps(value, ensure_ascii=False)
    )


def size(of: int) -> str:
    """A number of bytes, for people: 12 kB, 3.4 MB."""
    return f"{of / 1e6:.1f} MB" if of >= 1e6 else f"{max(of / 1e3, 0.1):.{0 if of >= 1e4 else 1}f} kB"


def ago(at: float | None) -> str:
    return "" if at is None else f"{duration(max(0.0, time.time() - at))} ago"


def submitted(question: str, at: float, by: str) -> str:
    """An experiment's question, when it was submitted and by whom."""
    user = f" by {by}" if by else ""
    return f"{question} · queued {ago(at)}{user}".removeprefix(" · ")


def end(text: str, characters: int) -> str:
    """The end of a text on one line, where a completion's answer is."""
    return " ".join(text.split())[-characters:]


def cut(text: str, characters: int) -> str:
    """The beginning of a text on one line, to the end of a word; … where more follows."""
    text = " ".join(text.split())
    if len(text) <= characters:
        return text
    return text[: characters + 1].rpartition(" ")[0].rstrip(",;:") + "…"


def value(key: str, number: float | None) -> str:
    """A metric's value with its unit: 65 %, 0.80, 29.8 s, 234."""
    if number is None:
        return "–"
    unit = describe(key).unit
    if unit == "share":
        return percent(number)
    if unit == "seconds":
        return f"{number:.2f} s" if number < 10 else f"{number:.1f} s"
    return f"{number:.0f}" if unit in ("tokens", "tokens/s") and number >= 20 else f"{number:.3g}"


def change(key: str, number: float) -> str:
    """A change since the start: +32 pts, -0.05."""
    if describe(key).unit == "share":
        return f"{100 * number:+.0f} pts"
    return f"{number:+.3g}"


def help_of(key: str) -> str:
    """What a metric is, then its key."""
    description = describe(key)
    return f"{description.what} Key: `{key}`"


def why_absent(component: str) -> str:
    """Why a component may have no score for a sample."""
    needs = COMPONENTS[component].needs if component in COMPONENTS else frozenset()
    if needs & FROM_POLICY:
        return "it needs the policy's log-probabilities, which come in training"
    if needs & FROM_OTHER_MODELS:
        return "the other model gave no verdict"
    if "solution" in needs:
        return "the problem has no worked solution"
    return {"consistency": "nothing is computed in the text"}.get(component, "no score for this sample")


def first_paragraph(kind: type[object]) -> str:
    """The first paragraph of a class's docstring, on one line."""
    return " ".join((kind.__doc__ or "").split("\n\n")[0].split())
