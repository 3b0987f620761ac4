"""The runs that an experiment with a sweep is queued as."""

from core.config import presets
from core.config.experiment import ExperimentConfig
from core.config.parsing import parse
from core.store.runs import lifecycle, queries

DEMO = presets.demo().model_dump(mode="json", by_alias=True)


def test_the_runs_of_a_sweep_know_what_is_swept(sqlite: object) -> None:
    _, ids = lifecycle.create_experiment(
        parse(ExperimentConfig, {**DEMO, "sweep": {"grpo.beta": [0.0, 0.04]}, "arms": DEMO["arms"][:1]})
    )
    rows = {r.id: r for r in queries.run_list()}
    assert [rows[i].name for i in ids] == ["hard, beta 0, seed 0", "hard, beta 0.04, seed 0"]
    assert [rows[i].variant for i in ids] == ["hard, beta 0", "hard, beta 0.04"]
    assert [queries.run_detail(i).config["grpo"]["beta"] for i in ids] == [0.0, 0.04]
