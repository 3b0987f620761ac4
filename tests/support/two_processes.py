"""Trains stock TRL and ours in several processes, for tests/train/worker/test_processes.py. Started by
`accelerate launch`.

Arguments: the folder for one JSON file a rank. Each training begins with the same random state.
"""

import json
import sys
from pathlib import Path
from typing import Any

from tests.support.samples import CONTINUOUS, HARD, HYBRID, run_config
from worker.common.imports import EXTRAS, importing
from worker.training import distributed

with importing(EXTRAS):  # as a training does, and in two thirds of the time
    import torch

    from tests.support.trainers import history, ours, stock
    from worker.training.trainer import ShowdownTrainer

# 3 prompts x 4 completions over two processes: each has six, so the second group lies in both.
GRPO = {
    "max_steps": 2,
    "prompts_per_step": 3,
    "num_generations": 4,
    "num_processes": 2,
    "max_completion_length": 24,
}
BLEND = {"type": "constant", "value": 0.5}
MIXES: dict[str, dict[str, Any]] = {
    "group": {"terms": HARD},
    "majority": {
        "terms": [*HARD, {"component": "majority_vote", "side": "continuous", "weight": 1.0}],
        "blend": BLEND,
    },
    "mixed": {**HYBRID, "blend": BLEND, "advantage": {"type": "mixed"}},
    "token": {
        "terms": HARD + CONTINUOUS,
        "blend": BLEND,
        "advantage": {"type": "group", "position_gamma": 0.2},
    },
}


def weights(trainer: Any) -> list[float]:
    """A sum for each trained tensor."""
    return [p.detach().double().sum().item() for p in trainer.model.parameters() if p.requires_grad]


def watched(trainer: ShowdownTrainer) -> dict[str, Any]:
    """Train, and keep what this process was given and what all of them scored."""
    found: dict[str, Any] = {
        "given": [],
        "scored": [],
        "trained": [],
        "completions": [],
        "nll": [],
        "totals": [],
    }
    make = trainer._generate_and_score_completions

    def watch(inputs: Any) -> Any:
        output = make(inputs)
        rollout = trainer.rollout
        assert rollout is not None
        found["given"].append(output["advantages"].tolist())
        found["scored"].append(rollout.scored.advantage.tolist())
        found["trained"].append(rollout.advantages.tolist())
        found["completions"].append(list(rollout.batch.completions))
        found["nll"].append(rollout.batch.mean_nll.tolist())
        found["totals"].append(rollout.scored.total.tolist())
        return output

    trainer._generate_and_score_completions = watch
    trainer.train()
    return {**found, "history": history(trainer), "weights": weights(trainer)}


def main() -> None:
    folder = Path(sys.argv[1])
    first = run_config(grpo=GRPO, mix=MIXES["group"])
    theirs = stock(first, folder / "stock")
    theirs.train()
    made: dict[str, Any] = {"stock": {"history": history(theirs), "weights": weights(theirs)}}
    twice = run_config(grpo={**GRPO, "max_steps": 3, "num_iterations": 2}, mix=MIXES["group"])
    theirs = stock(twice, folder / "stock_twice")
    theirs.train()
    made["stock_twice"] = {"history": history(theirs), "weights": weights(theirs)}
    made["twice"] = watched(ours(twice, folder / "twice"))
    for name, mix in MIXES.items():
        made[name] = watched(ours(run_config(grpo=GRPO, mix=mix), folder / name))
    (folder / f"rank{distributed.rank()}.json").write_text(json.dumps(made))
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
