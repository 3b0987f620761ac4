"""Problems: a question with a gold answer and an id; a data set is a named list of them.

Called by worker.data (to train), app (to try a mix) and tests. Knows nothing of models or prompts.
`arithmetic` makes the embedded task; `jsonl` reads GSM8K-shaped files.
"""

from core.problems.problem import Problem

__all__ = ["Problem"]
