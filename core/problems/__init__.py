"""Problems: a question with a gold answer and an id; a data set is a named list of them.

Knows nothing of models or prompts. `arithmetic` generates the embedded task; `jsonl` reads files in GSM8K's
shape.
"""

from core.problems.problem import Problem

__all__ = ["Problem"]
