"""Judge: the number that a language model gives by a rubric.

The requests are in worker.training.scoring.judge; this module has the settings and looks up the scores. It
holds no key, only the name of a variable.
"""

from pydantic import Field

from core.rewards.batch import FloatArray, RolloutBatch
from core.rewards.component import Component, ComponentParams, external_scores

NAME = "judge"
RUBRIC = (
    "Rate the reasoning of the answer from 0 to 10: 10 where every step follows and is right, 0 where none "
    "is. Length, tone and confidence count for nothing."
)


class Params(ComponentParams):
    """Who is asked, what, and how long it may take."""

    url: str = Field("http://localhost:8000/v1", pattern=r"^https?://[^\s/@]+(/\S*)?$")
    """Base URL of an OpenAI-compatible server."""
    model: str = ""
    """Name of the model there; empty: the server's own."""
    rubric: str = Field(RUBRIC, min_length=1)
    """What the judge is asked to rate, and from 0 to what."""
    scale: float = Field(10.0, gt=0)
    """Largest number the rubric asks for; it scores 1."""
    with_gold: bool = False
    """Show the judge the gold answer."""
    timeout: float = Field(20.0, gt=0, le=600)
    """Seconds a request may take."""
    retries: int = Field(2, ge=0, le=10)
    """Further tries after a timeout, a lost connection or an overloaded server."""
    concurrency: int = Field(8, ge=1, le=64)
    """Requests at the same time."""
    step_seconds: float = Field(60.0, gt=0, le=3600)
    """Seconds all requests of a step may take; what is missing then gets no score."""
    budget: int = Field(0, ge=0)
    """Most requests a run may send; 0: no limit."""
    api_key_env: str = Field("", pattern=r"^(SHOWDOWN_JUDGE_KEY[A-Z0-9_]*)?$")
    """Name of the worker's environment variable that holds the key: SHOWDOWN_JUDGE_KEY or
    SHOWDOWN_JUDGE_KEY_<NAME>, never the key itself. It is sent only to the URL in SHOWDOWN_JUDGE_URL or
    SHOWDOWN_JUDGE_URL_<NAME>. Empty: no key."""
    temperature: float = Field(0.0, ge=0, le=2)
    """Sampling temperature of the judge."""


def score(batch: RolloutBatch, params: Params) -> FloatArray:
    """[n] number of the judge's reply / scale, clipped to [0, 1]; NaN where the judge gave none or was not
    asked."""
    return external_scores(batch, NAME, params)


COMPONENT = Component(
    name=NAME,
    title="Judge",
    what="What a language model gives the text by a rubric.",
    how_it_is_gamed="By whatever that model likes: length, confident tone, its own style; and by talking it "
    "into a good mark.",
    params=Params,
    score=score,
    range=(0.0, 1.0),
    side="continuous",
    needs=frozenset({"judge"}),
)
