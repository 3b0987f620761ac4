"""Saves TRL's rollout buffer in a checkpoint that lies between two steps on the same completions.

TRL keeps the buffer in memory only and generates anew after a resume. With one file per process in a
checkpoint between two iterations of a rollout, the resumed run trains on the same completions and generates
at the same steps.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from trl.trainer.utils import split_tensor_dict

from core.common.errors import TrainingError
from worker.training import distributed

Inputs = dict[str, torch.Tensor]
"""A micro-batch as TRL's loss reads it: tensors [n, ...] of n completions, and scalars of the rollout."""


def path(checkpoint: Path) -> Path:
    """The file of this process. Ends in `.pt`, so that a copy of the adapter leaves it out."""
    return checkpoint / f"rollout_{distributed.rank()}.pt"


def save(micro_batches: Sequence[Inputs], checkpoint: Path) -> None:
    """Write this process's share of the rollout as one batch, in training order."""
    rollout = {
        name: torch.cat([batch[name] for batch in micro_batches]) if value.ndim else value
        for name, value in micro_batches[0].items()
    }
    torch.save(rollout, path(checkpoint))


def load(checkpoint: Path, pieces: int, device: torch.device) -> list[Inputs]:
    """The rollout in `pieces` micro-batches: more than were saved if a retry made them smaller.

    Raises TrainingError when the file is missing.
    """
    file = path(checkpoint)
    if not file.is_file():
        raise TrainingError(
            f"{checkpoint.name} was written between two iterations of a rollout, but {file.name} is not "
            "in it, so the rollout cannot be trained further; clone the run to train it from the beginning"
        )
    # torch.load does not know the device "cpu:0" of several processes.
    stored: Inputs = torch.load(file, map_location="cpu", weights_only=True)
    rollout = {name: value.to(device) for name, value in stored.items()}
    micro_batches: list[Inputs] = split_tensor_dict(rollout, pieces)
    return micro_batches
