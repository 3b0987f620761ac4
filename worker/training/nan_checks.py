"""Stops a step on NaN or infinity in rewards, losses or gradients, and names the first one.

The step is not taken, so the weights, and with them the last checkpoint, stay good.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch

from core.common.errors import NotFinite
from core.rewards.batch import FloatArray, RolloutBatch, ScoredBatch

LARGEST = float(np.finfo(np.float32).max)  # rewards train as 32-bit numbers
NO_PROBABILITIES = "probability tensor contains either"  # torch's error when it draws a token


def check_rewards(batch: RolloutBatch, scored: ScoredBatch) -> None:
    """Check totals and contributions; raises NotFinite. NaN means "does not apply" and is not an error."""
    wrong = (np.abs(scored.total) > LARGEST) | np.isinf(scored.contributions).any(axis=1)
    if not wrong.any():
        return
    i = int(wrong.argmax())
    parts = scored.contributions[i]
    large = np.flatnonzero(np.abs(parts) > LARGEST)
    reason = (
        ", ".join(f"term {scored.terms[k]} contributes {parts[k]:g}" for k in large)
        or "its terms together are too large"
    )
    raise NotFinite(
        f"step {scored.step}: the total reward of sample {i} (problem {batch.problem_ids[i]}) "
        f"is {scored.total[i]:g}: {reason}; a reward must stay below {LARGEST:.0e}, "
        "so lower the term's weight, or shape its score into a range"
    )


def check_advantages(batch: RolloutBatch, advantages: FloatArray, step: int) -> None:
    """Check advantages [n] or [n, T] before they train; raises NotFinite."""
    wrong = ~np.isfinite(advantages)
    if wrong.any():
        i = int(wrong.reshape(len(batch), -1).any(axis=1).argmax())
        value = np.asarray(advantages[i])[wrong[i]].flat[0]
        raise NotFinite(
            f"step {step}: the advantage of sample {i} (problem {batch.problem_ids[i]}) is {value:g}; "
            "look at the rewards of its group and the mix's advantage rule"
        )


def check_update(model: torch.nn.Module, losses: Sequence[torch.Tensor], step: int) -> None:
    """Check the losses of a step's micro-batches, then every gradient before clipping; raises NotFinite."""
    named = [(name, p.grad) for name, p in model.named_parameters() if p.grad is not None]
    norms = torch.stack(torch._foreach_norm([grad for _, grad in named]))
    # one transfer, so one wait for the device
    values = torch.cat([torch.stack(list(losses)).flatten(), torch.linalg.vector_norm(norms)[None]]).tolist()
    if all(math.isfinite(v) for v in values):
        return
    first = (~norms.isfinite()).nonzero().flatten().tolist()
    parameter, value = (named[first[0]][0], norms[first[0]].item()) if first else ("", 0.0)
    hint = f"; the first gradient that is no number is that of {parameter}" if first else ""
    for k, loss in enumerate(values[:-1]):
        if not math.isfinite(loss):
            raise NotFinite(f"step {step}: the loss of micro-batch {k} is {loss:g}{hint}; {_repair()}")
    if first:
        raise NotFinite(
            f"step {step}: the gradient of {parameter} has norm {value:g}, all losses are finite; {_repair()}"
        )
    largest, norm = max(zip([n for n, _ in named], norms.tolist(), strict=True), key=lambda x: x[1])
    raise NotFinite(
        f"step {step}: the gradient's norm is {values[-1]:g}; {largest} has the largest, {norm:g}; "
        f"{_repair()}"
    )


def why_no_token(error: RuntimeError, model: torch.nn.Module, step: int) -> Exception:
    """The error to raise for a failed generation or evaluation.

    NotFinite if the probabilities were invalid, else the given error.
    """
    if NO_PROBABILITIES not in str(error):
        return error
    bad = next((name for name, p in model.named_parameters() if not p.isfinite().all()), None)
    reason = (
        f"parameter {bad} holds a number that is none"
        if bad
        else "every parameter is finite, but the logits overflow"
    )
    return NotFinite(
        f"after step {step} the model's next-token probabilities are no numbers: {reason}; {_repair()}"
    )


def _repair() -> str:
    return "nothing of this step is kept; lower learning_rate, beta or the mix's weights"
