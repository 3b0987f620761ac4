"""The embedded model: two small Qwen3 bases shipped with the code, and the builder that made them.

`weights/<name>/` holds a loadable model folder (weights, config, tokenizer, chat template). Light:
importing this package does not load torch; only `worker.tiny.build` does.
"""

from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights"


def folder(name: str) -> Path:
    """The model folder of a shipped base; `name` is one of core.config.run.SHIPPED_MODELS."""
    return WEIGHTS / name
