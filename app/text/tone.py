"""The tone of a state, which decides its colour."""

from typing import Literal

Tone = Literal["neutral", "accent", "good", "warn", "bad"]
