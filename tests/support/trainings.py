"""Real trainings of the tiny model, each done once a session and looked at by several tests."""

from core.config.run import RunConfig
from core.store.runs import lifecycle, queries
from core.store.runs.queries import SampleView
from worker.supervise import supervisor

STEPS = 6


def train(config: RunConfig) -> int:
    """Queue a run and train it in a child, here and now; returns its id. The status is the caller's to judge."""
    run_id = lifecycle.create_run(config)
    supervisor.supervise("test")
    return run_id


def record(run_id: int) -> tuple[list[SampleView], dict[str, dict[int, float]]]:
    """Everything a run left behind that must not depend on the clock: samples (without ids), metrics."""
    samples = []
    for step in range(queries.run_detail(run_id).row.max_steps + 1):
        samples += [s for split in ("train", "eval") for s in queries.samples_at(run_id, step, split)]
    metrics = {
        name: dict(zip(found.steps, found.values, strict=True))
        for name, found in queries.series(run_id).items()
        if not name.startswith(("speed/", "memory/")) and name != "eval/seconds"
    }
    return samples, metrics


def same(a: list[SampleView], b: list[SampleView]) -> bool:
    """Equal in all but the row's and the run's ids."""

    def bare(sample: SampleView) -> dict[str, object]:
        return {k: getattr(sample, k) for k in SampleView.__dataclass_fields__ if k not in ("id", "run_id")}

    return [bare(s) for s in a] == [bare(s) for s in b]
