"""The further forwards equal one sample at a time, run once a batch, and a training that asks for
everything ends well."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from core.common.settings import settings
from core.metrics import describe
from core.problems import arithmetic
from core.rewards.components import COMPONENTS
from core.store.runs import queries
from core.store.status import Status
from tests.conftest import free_port
from tests.support.judge_server import says, serving
from tests.support.reward_models import save
from tests.support.samples import HARD, run_config
from tests.support.trainers import made, terms
from tests.support.trainings import train
from worker.state.checkpoints import judges_file
from worker.training import data, policy
from worker.training.scoring import judge, policy_forwards
from worker.training.scoring.policy_forwards import up_to_answer
from worker.training.trainer import ShowdownTrainer, build

FORWARDS = ("self_aligned", "self_certainty", "reference_probability")
TEXTS = [
    "5+3=8\n8*2=16\n#### 16<|end|>",
    "#### 3 no, 12\n#### 12",
    "it is 7",
    r"so \boxed{9}.<|end|>",
    "1<|end|>",
    "2+2=4\n4+4=8\n8+8=16\n####",
]
GOLDS = ["16", "12", "7", "9", "105", "16"]
UP_TO = [
    "5+3=8\n8*2=16\n#### ",
    "#### 3 no, 12\n#### ",
    "it is 7\n#### ",
    r"so \boxed{",
    "1\n#### ",
    "2+2=4\n4+4=8\n8+8=16\n#### ",
]


class Naive:
    """The tiny model, loaded apart, one sample at a time, nothing padded. A new adapter changes nothing in
    the policy."""

    def __init__(self) -> None:
        loaded: tuple[PreTrainedModel, PreTrainedTokenizerBase] = policy.load(run_config().model)
        self.model, self.tokenizer = loaded[0].eval(), loaded[1]

    def ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def logits(self, prompt: list[int], completion: list[int]) -> torch.Tensor:
        """[T, V] of the places that predict the completion's tokens."""
        with torch.no_grad():
            found: torch.Tensor = self.model(torch.tensor([prompt + completion])).logits[0].float()
        return found[len(prompt) - 1 : -1]

    def logps(self, prompt: list[int], completion: list[int], temperature: float) -> torch.Tensor:
        every = (self.logits(prompt, completion) / temperature).log_softmax(-1)
        return every[torch.arange(len(completion)), torch.tensor(completion)]


@pytest.fixture(scope="module")
def naive() -> Naive:
    return Naive()


def test_a_look_has_no_dropout_and_leaves_no_trace(tmp_path: Path, naive: Naive) -> None:
    """Else the perplexity of a completion would be another at each look, and asking for it would change
    the training."""
    config = run_config(mix={"terms": terms(*FORWARDS)}, lora={"lora_dropout": 0.5})
    model, tokenizer = policy.load(config.model)
    rows = data.rows(arithmetic.problems(64, "train"), config.data, conversational=True)
    trainer = build(config, model, tokenizer, rows, tmp_path)
    with torch.no_grad():
        for name, weight in trainer.model.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.05)
    prompts = [naive.ids("<|user|>Add 3 and 5.<|assistant|>")] * len(TEXTS)
    completions, golds = [naive.ids(text) for text in TEXTS], GOLDS
    trainer.model.train()
    with_dropout = [policy_forwards.mean_nll(*trainer.token_logps(prompts, completions)) for _ in range(2)]
    assert (with_dropout[0] != with_dropout[1]).any()  # so the adapter does act, and dropout does draw

    look = trainer.forwards
    state = torch.random.get_rng_state()
    found = [
        (
            look.nll(prompts, completions),
            look.nll_without_prompt(completions),
            look.self_certainty(prompts, completions),
            look.reference_probability(prompts, TEXTS, golds),
            look.reference_baseline(prompts, golds),
        )
        for _ in range(2)
    ]
    for first, second in zip(*found, strict=True):
        assert (first == second).all()
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(module.training for module in trainer.model.modules())
    trainer.model.eval()
    assert (found[0][0] == policy_forwards.mean_nll(*trainer.token_logps(prompts, completions))).all()
    look.nll(prompts, completions)
    assert not trainer.model.training  # asked in an evaluation, it stays one


@pytest.mark.parametrize("micro_batch", [16, 4])  # six samples: all at once, or a full and a half micro-batch
def test_each_forward_equals_one_sample_at_a_time(
    tmp_path: Path, naive: Naive, micro_batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = made(tmp_path, terms(*FORWARDS), temperature=0.7, per_device_train_batch_size=micro_batch)
    look = trainer.forwards
    questions = [p.question for p in arithmetic.problems(3, "train") for _ in range(2)]
    prompts = [naive.ids(f"<|user|>{q}<|assistant|>") for q in questions]
    completions = [naive.ids(text) for text in TEXTS]
    # so that there is padding
    assert len({len(p) for p in prompts}) > 1 and len({len(c) for c in completions}) > 1

    nothing = naive.ids("<|user|><|assistant|>")
    assert look.empty_prompt() == nothing
    for found, before in (
        (look.nll(prompts, completions), prompts),
        (look.nll_without_prompt(completions), [nothing] * 6),
    ):
        nll = [-naive.logps(p, c, 0.7).mean().item() for p, c in zip(before, completions, strict=True)]
        assert found == pytest.approx(nll, abs=1e-4)

    certainty = []
    for p, c in zip(prompts, completions, strict=True):
        log_p = naive.logits(p, c).log_softmax(-1)  # at temperature 1
        v = log_p.shape[1]
        certainty.append(
            sum((1 / v * (torch.log(torch.tensor(1 / v)) - row)).sum().item() for row in log_p) / len(c)
        )
    assert look.self_certainty(prompts, completions) == pytest.approx(certainty, abs=1e-4)
    assert min(certainty) > 1  # nats: a trained model is far from uniform
    monkeypatch.setattr(policy_forwards, "MOST_LOGITS", 1)  # a vocabulary so large that samples go one by one
    assert look.self_certainty(prompts, completions) == pytest.approx(certainty, abs=1e-4)

    def probability(before: list[int], gold: str) -> float:
        return naive.logps(before, naive.ids(gold), 0.7).exp().mean().item()

    texts = [text.removesuffix("<|end|>") for text in TEXTS]
    found = look.reference_probability(prompts, texts, GOLDS)
    expected = [probability(p + naive.ids(z), gold) for p, z, gold in zip(prompts, UP_TO, GOLDS, strict=True)]
    assert found == pytest.approx(expected, abs=1e-4)
    baseline = look.reference_baseline(prompts, GOLDS)
    assert baseline == pytest.approx(
        [probability(p + naive.ids("#### "), g) for p, g in zip(prompts, GOLDS, strict=True)], abs=1e-4
    )
    assert trainer.model.training  # as it was


def test_up_to_answer() -> None:
    assert [up_to_answer(text.removesuffix("<|end|>")) for text in TEXTS] == UP_TO


def test_a_tokenizer_without_a_template_begins_with_one_token(tmp_path: Path) -> None:
    look = made(tmp_path, terms(*FORWARDS)).forwards
    look.tokenizer.chat_template = None
    assert look.empty_prompt() == [look.tokenizer.eos_token_id]
    look.tokenizer.bos_token = "<|user|>"
    assert look.empty_prompt() == [look.tokenizer.bos_token_id]


class Counting(ShowdownTrainer):
    """Notes the rows of every forward that scoring makes."""

    rows: list[int]

    def _calculate_rewards(self, *args: Any) -> torch.Tensor:
        def note(model: torch.nn.Module, _: Any, inputs: dict[str, Any]) -> None:
            assert not torch.is_grad_enabled() and not model.training
            self.rows.append(len(inputs["input_ids"]))

        hook = self.model.register_forward_pre_hook(note, with_kwargs=True)
        try:
            return super()._calculate_rewards(*args)
        finally:
            hook.remove()


@pytest.mark.parametrize(
    ("mix", "rows"),
    [
        (HARD, []),
        (terms("key_points"), []),  # a solution is no forward
        (terms("perplexity"), [4] * 4),
        (terms("self_certainty"), [4] * 4),
        (terms("self_aligned", "perplexity"), [4] * 8),  # mean NLL, needed twice, once
        (terms("reference_probability"), [4] * 5),  # the baseline: four distinct prompts
        (
            [{**terms("reference_probability")[0], "params": {"baseline": False}}],
            [4] * 4,
        ),  # nobody reads a baseline
        (
            {"terms": HARD, "advantage": {"type": "group", "perplexity_alpha": 0.5}},
            [4] * 4,
        ),  # the rule reads mean NLL
        (terms(*FORWARDS) + [{**terms("self_certainty")[0], "name": "again"}], [4] * 17),
    ],
)
def test_each_forward_runs_once_a_batch_and_only_where_asked_for(
    tmp_path: Path, mix: list[dict[str, Any]] | dict[str, Any], rows: list[int]
) -> None:
    trainer = made(tmp_path, mix, Counting, max_steps=1, per_device_train_batch_size=4)
    trainer.rows = []  # type: ignore[attr-defined]
    trainer.train()
    assert trainer.rows == rows  # type: ignore[attr-defined]
    assert trainer.rollout is not None
    batch = trainer.rollout.batch
    assert (batch.solutions[0] != "") == ("solution" in trainer.engine.mix.needs)
    for need, values in (
        ("no_prompt", batch.nll_without_prompt), ("certainty", batch.self_certainty),
        ("reference", batch.reference_probability),
    ):  # fmt: skip
        assert (values == values).all() == (need in trainer.engine.mix.needs)  # NaN is unequal to itself
    taken_off = any(term.params.get("baseline") for term in trainer.engine.mix.terms)
    assert (batch.reference_baseline == batch.reference_baseline).all() == taken_off


def test_a_training_that_asks_for_everything_stores_finite_scores(sqlite: Path, tmp_path: Path) -> None:
    names = (*FORWARDS, "perplexity", "key_points", "judge", "reward_model")
    with serving(lambda server, asked: says(str(len(asked) % 11))) as server:
        mix = terms(
            *names,
            judge={"url": server.url, "with_gold": True},
            reward_model={"path": str(save(tmp_path / "rm"))},
        )
        config = run_config(
            mix={"terms": HARD + mix, "blend": {"type": "constant", "value": 0.5}}, grpo={"max_steps": 2}
        )
        run_id = train(config)
    detail = queries.run_detail(run_id)
    assert detail.row.status == Status.DONE, detail.log_tail
    seen: dict[str, list[float]] = {}
    for step in (1, 2):
        for sample in queries.samples_at(run_id, step):
            assert sample.total is not None
            for score in sample.scores:
                if score.raw is None:  # only a problem of one step has too few key points to apply
                    assert score.term == "key_points"
                else:
                    seen.setdefault(score.term, []).append(score.raw)
    for name in names:
        low, high = COMPONENTS[name].range
        assert all(low <= value <= high for value in seen[name]), name
        assert len(set(seen[name])) > 1, f"{name} tells no two samples apart"

    metrics = queries.series(run_id)
    assert sum(metrics["judge/requests"].values) == len(server.asked) <= 32
    assert sum(metrics["judge/requests"].values) + sum(metrics["judge/cached"].values) == 32
    assert metrics["judge/failed"].values == [0.0, 0.0] and metrics["judge/failed"].steps == [1, 2]
    assert all(describe(key).what for key in metrics)
    checkpoint = settings().run_folder(run_id) / "checkpoint-2"
    (counts,) = json.loads(judges_file(checkpoint).read_text()).values()
    assert counts["requests"] == len(server.asked)
    # Whoever goes on from there goes on counting: the budget is the run's.
    resumed = made(tmp_path, mix)
    judge.restore_counts(resumed.judges, checkpoint)
    assert resumed.judged()["requests"] == len(server.asked)


def test_a_dead_judge_costs_scores_and_not_the_run(sqlite: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    run_id = train(
        run_config(mix={"terms": terms("judge", judge={"url": url, "retries": 0})}, grpo={"max_steps": 1})
    )
    detail = queries.run_detail(run_id)
    assert detail.row.status == Status.DONE, detail.log_tail
    samples = queries.samples_at(run_id, 1)
    assert len(samples) == 16 and all(
        s.total is None and s.advantage == 0 and s.scores[0].raw is None for s in samples
    )
    found = {name: series.values for name, series in queries.series(run_id).items()}
    assert found["judge/failed"] == [16.0] and found["judge/requests"][0] + found["judge/cached"][0] == 16
