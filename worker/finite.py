"""Numbers that are none any more: found before they train, and named. Called by worker.trainer.

A step that has one is never taken: the weights, and so the last checkpoint, stay good.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch

from core.batch import FloatArray, RolloutBatch, ScoredBatch
from core.errors import NotFinite

LARGEST = float(np.finfo(np.float32).max)  # rewards train as 32-bit numbers
NO_PROBABILITIES = "probability tensor contains either"  # torch, where it draws a token


def check_rewards(batch: RolloutBatch, scored: ScoredBatch) -> None:
    """Totals and contributions. NaN is "does not apply" and no fault."""
    wrong = (np.abs(scored.total) > LARGEST) | np.isinf(scored.contributions).any(axis=1)
    if not wrong.any():
        return
    i = int(wrong.argmax())
    parts = scored.contributions[i]
    large = np.flatnonzero(np.abs(parts) > LARGEST)
    said = ", ".join(f"term {scored.terms[k]} contributes {parts[k]:g}" for k in large) or "its terms together are too large"
    raise NotFinite(
        f"step {scored.step}: the total reward of sample {i} (problem {batch.problem_ids[i]}) is {scored.total[i]:g}: {said}; "
        f"a reward must stay below {LARGEST:.0e}, so lower the term's weight, or shape its score into a range"
    )


def check_advantages(batch: RolloutBatch, advantages: FloatArray, step: int) -> None:
    """[n] or [n, T], as they train."""
    wrong = ~np.isfinite(advantages)
    if wrong.any():
        i = int(wrong.reshape(len(batch), -1).any(axis=1).argmax())
        value = np.asarray(advantages[i])[wrong[i]].flat[0]
        raise NotFinite(
            f"step {step}: the advantage of sample {i} (problem {batch.problem_ids[i]}) is {value:g}; "
            "look at the rewards of its group and the mix's advantage rule"
        )


def check_update(model: torch.nn.Module, losses: Sequence[torch.Tensor], step: int) -> None:
    """The losses of a step's micro-batches, then every gradient, before it is clipped and used."""
    named = [(name, p.grad) for name, p in model.named_parameters() if p.grad is not None]
    norms = torch.stack(torch._foreach_norm([grad for _, grad in named]))
    values = torch.cat([torch.stack(list(losses)).flatten(), torch.linalg.vector_norm(norms)[None]]).tolist()  # one wait
    if all(math.isfinite(v) for v in values):
        return
    first = (~norms.isfinite()).nonzero().flatten().tolist()
    where, value = (named[first[0]][0], norms[first[0]].item()) if first else ("", 0.0)
    after = f"; the first gradient that is no number is that of {where}" if first else ""
    for k, loss in enumerate(values[:-1]):
        if not math.isfinite(loss):
            raise NotFinite(f"step {step}: the loss of micro-batch {k} is {loss:g}{after}; {_repair()}")
    if first:
        raise NotFinite(f"step {step}: the gradient of {where} has norm {value:g}, all losses are finite; {_repair()}")
    largest, norm = max(zip([n for n, _ in named], norms.tolist(), strict=True), key=lambda x: x[1])
    raise NotFinite(f"step {step}: the gradient's norm is {values[-1]:g}; {largest} has the largest, {norm:g}; {_repair()}")


def why_no_token(error: RuntimeError, model: torch.nn.Module, step: int) -> Exception:
    """The error of a generation or evaluation; a NotFinite where there were no probabilities to draw from."""
    if NO_PROBABILITIES not in str(error):
        return error
    bad = next((name for name, p in model.named_parameters() if not p.isfinite().all()), None)
    said = f"parameter {bad} holds a number that is none" if bad else "every parameter is finite, but the logits overflow"
    return NotFinite(f"after step {step} the model's next-token probabilities are no numbers: {said}; {_repair()}")


def _repair() -> str:
    return "nothing of this step is kept; lower learning_rate, beta or the mix's weights"
