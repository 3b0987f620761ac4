"""Replay and pre-flight: the same numbers a training would have stored, read back from rows; and what a
mix falls for."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.analysis import preflight, replay, sources
from core.analysis.agreement import auroc, spearman
from core.analysis.preflight import report
from core.analysis.sample_table import SampleTable, from_batch, join
from core.common.errors import ConfigError, DataError
from core.common.groups import Groups
from core.config.parsing import parse
from core.problems import arithmetic
from core.rewards import engine
from core.rewards.engine import RewardEngine, signals_of
from core.rewards.mix import Mix
from core.store.runs import claims, lifecycle
from core.store.steps import records
from core.store.steps.records import SampleRow, ScoreRow, StepRecord, finite
from tests.support.samples import CONTINUOUS, HARD, HYBRID, batch, run_config

TEXTS = [
    "3*24=72\n#### 72",
    "#### 70",
    "so 72",
    "8*9=72\n#### 71",
    "#### 72",
    "3+4=8\n#### 60",
    "",
    "9*8=72\n72",
]
MIXES: dict[str, dict[str, Any]] = {
    "hybrid": HYBRID,
    "hard": {"terms": HARD},
    "gate": {
        "terms": [*HARD, {**CONTINUOUS[2], "side": "hard"}],
        "rule": {"type": "gate", "order": ["correctness"]},
    },
    "batch scaling": {**HYBRID, "advantage": {"type": "batch"}},
    "mixed": {**HYBRID, "advantage": {"type": "mixed"}},
    "rank": {"terms": [{**CONTINUOUS[2], "shaping": {"type": "rank"}}], "advantage": {"type": "none"}},
    "adaptive and z-score": {
        "blend": {"type": "adaptive", "signal": "accuracy", "threshold": 0.1, "rate": 0.2},
        "terms": [*HARD, {**CONTINUOUS[2], "shaping": {"type": "zscore"}}],
    },
}


def rollouts(steps: int = 4) -> list[Any]:
    """A batch a step: two groups of four, the texts in another order each time."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(steps):
        texts = [TEXTS[i] for i in rng.permutation(len(TEXTS))]
        made.append(batch(texts, group_size=4, mean_nll=rng.random(8)))
    return made


def table_of(mix: Mix) -> SampleTable:
    parts = [from_batch(b, mix, step, 8 * step, 2 * step) for step, b in enumerate(rollouts(), 1)]
    return join(parts)


@pytest.mark.parametrize("name", MIXES)
def test_a_replay_of_all_steps_at_once_equals_the_engine_step_by_step(name: str) -> None:
    mix = parse(Mix, MIXES[name])
    trained = RewardEngine(mix)
    total, advantage, dead = [], [], []
    for step, b in enumerate(rollouts(), 1):
        scored = trained.score(b, step)
        trained.observe(signals_of(b, scored))
        total.append(scored.total)
        advantage.append(scored.advantage)
        dead.append(scored.dead.mean())
    found = replay.run(table_of(mix), mix)
    np.testing.assert_allclose(found.total, np.concatenate(total), atol=1e-12)
    np.testing.assert_allclose(found.advantage, np.concatenate(advantage), atol=1e-9)
    np.testing.assert_allclose(found.dead_share, dead)
    assert found.steps.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("name", MIXES)
def test_pieces_give_the_same_as_the_whole_and_tell_how_far_they_are(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mix, told = parse(Mix, MIXES[name]), list[float]()
    # in no order: a file's rows may stand anyhow
    table = table_of(mix).part(np.random.default_rng(1).permutation(32))
    whole = replay.run(table, mix)
    monkeypatch.setattr(replay, "AT_ONCE", 9)
    found = replay.run(table, mix, told.append)
    for field in ("total", "advantage", "dead", "steps", "dead_share"):
        np.testing.assert_array_equal(getattr(found, field), getattr(whole, field), field)
    assert told == sorted(told) and told[-1] == 1.0 and len(told) > 1


def test_a_preflight_tells_how_far_it_is_and_ends_when_told_to() -> None:
    mix, told = parse(Mix, HYBRID), list[float]()
    table, problems = table_of(mix), sources.shipped_problems()[:2]
    watched = preflight.report(table, mix, 6, problems, progress=told.append)
    np.testing.assert_array_equal(watched.shares, preflight.report(table, mix, 6, problems).shares)
    assert told == sorted(told) and told[-1] == 1.0 and len(told) > 10

    def enough(share: float) -> None:
        if share > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        preflight.report(table, mix, 6, problems, progress=enough)


def stored_run(mix: dict[str, Any]) -> int:
    """A run whose samples lie in the database as the recorder writes them."""
    config = run_config(mix=mix, grpo={"max_steps": 4})
    claim = claims.claim(lifecycle.create_run(config), "w", 3600.0)
    assert claim is not None
    for step, b in enumerate(rollouts(), 1):
        scored = engine.score(b, config.mix, step)
        rows = [
            SampleRow(
                split="train", problem_id=b.problem_ids[i], group_index=int(b.group[i]), index_in_group=i % 4,
                prompt=b.prompts[i], completion=b.completions[i], gold=b.golds[i], parsed=None, parsed_by=None,
                parsed_start=None, parsed_end=None, correct=bool(b.correct[i]), n_tokens=int(b.n_tokens[i]), truncated=False,
                mean_nll=float(b.mean_nll[i]), total=finite(scored.total[i]), advantage=float(scored.advantage[i]),
                scores=tuple(
                    ScoreRow(t, k, finite(scored.raw[i, k]), finite(scored.shaped[i, k]), float(scored.weights[k]),
                             finite(scored.contributions[i, k]))
                    for k, t in enumerate(scored.terms)
                ),
            )
            for i in range(len(b))
        ]  # fmt: skip
        records.write_step(claim.run_id, claim.attempt, StepRecord(step, {}, rows))
    return claim.run_id


def test_a_run_read_back_gives_the_totals_it_was_trained_on(database: str) -> None:
    run_id = stored_run(HYBRID)
    told: list[float] = []
    pair = sources.pair_of_run(run_id, parse(Mix, {"terms": HARD}), told.append)
    before = replay.run(pair.table_before, pair.before)
    from core.store.runs import queries

    stored = [s for step in range(1, 5) for s in queries.samples_at(run_id, step)]
    assert [s.id for s in stored] == pair.table_before.id.tolist()
    np.testing.assert_allclose(before.total, [s.total for s in stored], atol=1e-12)
    np.testing.assert_allclose(before.advantage, [s.advantage for s in stored], atol=1e-9)
    assert told[-1] == 1.0 and told == sorted(told)


def test_two_mixes_share_what_they_have_in_common_and_nothing_else(database: str) -> None:
    run_id = stored_run(HYBRID)
    other = parse(
        Mix, {"terms": [*HARD, {"component": "closeness", "side": "always", "params": {"floor": 50.0}}]}
    )
    pair = sources.pair_of_run(run_id, other)
    before, after = pair.table_before, pair.table_after
    # a million rows are kept once
    assert after.raw["correctness"] is before.raw["correctness"] and after.step is before.step
    for table, mix in ((before, pair.before), (after, other)):  # one label, other params
        np.testing.assert_allclose(table.raw["closeness"], table_of(mix).raw["closeness"])
    assert (
        set(after.raw) == {"correctness", "closeness"}
        and (before.raw["closeness"] != after.raw["closeness"]).any()
    )


def test_terms_the_run_had_not_are_scored_from_the_stored_text(database: str) -> None:
    run_id = stored_run({"terms": HARD})
    wanted = parse(Mix, {"terms": [{"component": "reasoning", "side": "continuous"}]})
    found = sources.of_run(run_id, wanted)
    np.testing.assert_allclose(found.raw["reasoning"], table_of(wanted).raw["reasoning"])
    with_nll = stored_run(HYBRID)
    log_form = {
        "terms": [{"component": "perplexity", "side": "continuous", "params": {"form": "inverse_log"}}]
    }
    nll = sources.of_run(with_nll, parse(Mix, log_form))
    assert not np.isnan(
        nll.raw["perplexity"]
    ).any()  # where a run asked for log-probabilities, they are stored


def test_what_is_not_stored_is_refused_by_name(database: str) -> None:
    run_id = stored_run({"terms": HARD})
    with pytest.raises(ConfigError, match="'self_aligned' needs logprobs, no_prompt, which this run"):
        sources.of_run(run_id, parse(Mix, {"terms": [{"component": "self_aligned", "side": "continuous"}]}))
    with pytest.raises(ConfigError, match="'perplexity' needs logprobs"):
        sources.of_run(run_id, parse(Mix, {"terms": [{"component": "perplexity", "side": "continuous"}]}))
    with pytest.raises(ConfigError, match="perplexity_alpha: needs log-probabilities"):
        sources.of_run(
            run_id, parse(Mix, {"terms": HARD, "advantage": {"type": "group", "perplexity_alpha": 0.1}})
        )
    with pytest.raises(DataError, match="no samples yet"):
        sources.of_run(lifecycle.create_run(run_config()), parse(Mix, {"terms": HARD}))


def test_what_changes_between_two_mixes() -> None:
    """By hand: one group, the hard mix pays the right two, the other mix pays only the first sample."""
    both = parse(Mix, {"terms": [{**HARD[0], "name": "a"}, {**HARD[0], "name": "b"}]})
    made = from_batch(batch(["#### 72", "#### 72", "#### 1", "#### 2"]), both)
    table = SampleTable(**{**vars(made), "raw": {"a": made.raw["a"], "b": np.array([1.0, 0, 0, 0])}})
    one = parse(Mix, {"terms": [{**HARD[0], "name": "a"}], "advantage": {"type": "none"}})
    two = parse(Mix, {"terms": [{**HARD[0], "name": "b"}], "advantage": {"type": "none"}})
    before, after = replay.run(table, one), replay.run(table, two)
    assert before.advantage.tolist() == [0.5, 0.5, -0.5, -0.5] and after.advantage.tolist() == [
        0.75,
        -0.25,
        -0.25,
        -0.25,
    ]
    change = replay.compare(table, before, after)
    assert change.flipped == 0.25  # the second: from +0.5 to -0.25
    assert change.losses.tolist() == [1]
    assert sorted(change.gains.tolist()) == [0, 2, 3]
    # of four pairs two are won and two are ties
    assert (change.auroc_before, change.auroc_after) == (1.0, 0.75)


@pytest.mark.parametrize(
    ("score", "right", "group", "expected"),
    [
        ([3, 1, 2, 0], [1, 0, 1, 0], [0, 0, 0, 0], 1.0),
        ([0, 1, 2, 3], [1, 0, 1, 0], [0, 0, 0, 0], 0.25),  # of four pairs one is won
        ([1, 1, 5, 5], [1, 0, 1, 0], [0, 0, 1, 1], 0.5),  # ties count half
        ([9, 8, 1, 0], [0, 0, 1, 1], [0, 0, 1, 1], math.nan),  # no pair inside a group
        ([math.nan, 0, 1, 0], [1, 0, 1, 0], [0, 0, 1, 1], 1.0),  # who has no score is left out
    ],
)
def test_auroc_by_hand(score: list[float], right: list[int], group: list[int], expected: float) -> None:
    found = auroc(np.array(score, dtype=float), np.array(right, dtype=bool), Groups.of(np.array(group)))
    assert found == pytest.approx(expected, nan_ok=True)


def naive_ranks(values: list[float]) -> list[float]:
    return [sum(w < v for w in values) + (sum(w == v for w in values) - 1) / 2 for v in values]


def test_spearman_is_the_correlation_of_ranks_group_by_group() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.integers(0, 4, 60).astype(float), rng.random(60)
    groups = Groups.of(np.arange(60) // 10)
    ranks = [(naive_ranks(list(a[k : k + 10])), naive_ranks(list(b[k : k + 10]))) for k in range(0, 60, 10)]
    expected = np.mean([np.corrcoef(x, y)[0, 1] for x, y in ranks])
    assert spearman(a, b, groups) == pytest.approx(expected)


def test_a_constant_term_shows_that_it_trains_nothing() -> None:
    constant = {"component": "format", "side": "always", "shaping": {"type": "clip", "low": 2, "high": 3}}
    mix = parse(Mix, {"terms": [*HARD, constant]})
    table, problems = sources.of_file(sources.SHIPPED, mix)
    found = report(table, mix, 10, problems[:2])
    np.testing.assert_allclose(found.shares, [[1.0, 0.0]] * len(found.curve_steps), atol=1e-12)


def test_the_shares_follow_the_schedule_and_are_no_dial() -> None:
    mix = parse(
        Mix, {**HYBRID, "blend": {"type": "linear", "start": 0.0, "end": 1.0, "from_step": 1, "to_step": 100}}
    )
    table, problems = sources.of_file(sources.SHIPPED, mix)
    found = report(table, mix, 100, problems[:2])
    hard = found.shares[:, 0]
    assert hard[0] == 0 and hard[-1] == pytest.approx(1.0) and (np.diff(hard) >= -1e-9).all()
    near_the_end = found.curve_steps.index(95)
    # 95 % of the weight is not 95 % of the training
    assert found.blend[near_the_end] > 0.94 and hard[near_the_end] < 0.75


@pytest.mark.parametrize(
    ("mix", "expected"),
    [
        ({"terms": HARD}, set()),
        # A length price alone: saying nothing is the best answer.
        ({"terms": [{"component": "length", "side": "always", "params": {"form": "soft_budget", "free": 2, "limit": 400}}]},
         {"Empty", "Wrong answer only"}),
        # Only form is asked for: any well-formed text earns as much, so none beats the solution.
        ({"terms": [{"component": "format", "side": "continuous"}]}, set()),
        # Only true equations count, and none of them must belong to the problem.
        ({"terms": [{"component": "reasoning", "side": "continuous", "params": {"marker": 0, "min_steps": 2}}]},
         {"True but useless equations"}),
    ],
)  # fmt: skip
def test_probes_that_beat_a_right_solution_are_named(mix: dict[str, Any], expected: set[str]) -> None:
    one_step = next(p for p in arithmetic.problems(50, "train") if p.solution.count("=") == 1)
    found = preflight.beaten(parse(Mix, mix), [one_step], [1])
    assert expected <= {b.probe for b in found} if expected else not found
    for b in found:
        assert b.total > b.right_total and b.share == 1.0


def test_a_table_is_thinned_by_whole_groups() -> None:
    mix = parse(Mix, {"terms": HARD})
    table, _ = sources.of_file(sources.SHIPPED, mix)
    thin = table.thinned(100)
    assert 64 <= len(thin) <= 104 and (np.bincount(thin.groups.index) == 8).all()


def test_the_shipped_samples_are_of_two_different_bases() -> None:
    import json

    rows = [json.loads(line) for line in Path(sources.SHIPPED).read_text().splitlines()]
    table, problems = sources.of_file(sources.SHIPPED, parse(Mix, {"terms": HARD}))
    accuracy = {
        m: np.mean([c for c, r in zip(table.correct, rows, strict=True) if r["model"] == m])
        for m in ("tiny", "tiny-sparse")
    }
    assert accuracy["tiny"] > 0.3 and accuracy["tiny-sparse"] < 0.1 and len(table) == 512 and problems


def test_a_replay_sees_the_kl_that_the_run_saw() -> None:
    mix = parse(
        Mix,
        {
            **HYBRID,
            "blend": {"type": "adaptive", "signal": "kl", "threshold": 0.5, "rate": 1.0, "memory": 0.0},
        },
    )
    table = table_of(mix)
    blind, seeing = replay.run(table, mix), replay.run(table, mix, kl={0: 0.0, 2: 0.9})
    early, late = table.step <= 2, table.step > 2
    np.testing.assert_array_equal(seeing.total[early], blind.total[early])
    hard = replay.run(table, parse(Mix, {**HYBRID, "blend": {"type": "constant", "value": 1.0}}))
    np.testing.assert_array_equal(seeing.total[late], hard.total[late])  # from the evaluation after step 2 on


def test_totals_that_differ_by_dust_have_a_histogram() -> None:
    mix = parse(Mix, {"terms": HARD})
    made = from_batch(batch(["#### 72"] * 4), mix)
    table = SampleTable(**{**vars(made), "raw": {"correctness": np.array([0.3, 0.1 + 0.2, 0.3, 0.3])}})
    found = report(table, mix, 10, [])
    assert sum(found.distributions[0].counts) == 4 and found.constant == ("correctness",)


def test_probes_that_cannot_be_judged_are_not_called_harmless() -> None:
    mix = parse(Mix, {"terms": [{"component": "perplexity", "side": "continuous"}]})
    table, problems = sources.of_file(sources.SHIPPED, mix)
    found = report(table, mix, 10, problems)
    assert found.unprobed == ("perplexity",) and found.beaten == ()


def test_an_evaluation_of_a_step_without_samples_is_replayed_after_the_rollout_before_it() -> None:
    """num_iterations 2: samples at steps 1 and 3, evaluations after steps 2 and 4."""
    blend = {
        "type": "adaptive",
        "signal": "kl",
        "threshold": 0.1,
        "start": 0.0,
        "end": 1.0,
        "rate": 1.0,
        "memory": 0.0,
    }
    mix = parse(Mix, {"blend": blend, "terms": HARD + CONTINUOUS[:1]})
    parts = [
        from_batch(b, mix, step, 8 * i, 2 * i)
        for i, (step, b) in enumerate(zip((1, 3), rollouts(2), strict=True))
    ]
    trained = RewardEngine(mix)
    totals = []
    for step, b in zip((1, 3), rollouts(2), strict=True):
        scored = trained.score(b, step)
        totals += scored.total.tolist()
        trained.observe(signals_of(b, scored))
        trained.observe_evaluation(0.5, step + 1)
    again = replay.run(join(parts), mix, kl={2: 0.5, 4: 0.5})
    assert again.total.tolist() == totals and trained.adapted["blend"] == 1.0
