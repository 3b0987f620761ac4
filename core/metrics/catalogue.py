"""What every metric key means.

A key is `family/name`. Families with a term's name (`score/<term>`) are described once, with `{term}` in the
words.
"""

from dataclasses import dataclass, replace
from typing import Literal

Better = Literal["up", "down", ""]
Unit = Literal["share", "reward", "nats", "tokens", "seconds", "tokens/s", "GiB", "number"]


@dataclass(frozen=True)
class Metric:
    """Title, unit and description of a metric; `better` is "" where neither direction is good in itself."""

    key: str
    title: str
    unit: Unit
    better: Better
    what: str


METRICS: dict[str, Metric] = {
    m.key: m
    for m in (
        Metric("eval/accuracy", "Gold accuracy", "share", "up",
               "Share of held-out completions whose parsed answer equals the gold answer. Never trained on."),
        Metric("eval/greedy", "Greedy accuracy", "share", "up",
               "Share of held-out problems whose greedy completion is right; only where evaluation.greedy "
               "is on."),
        Metric("eval/majority", "Majority accuracy", "share", "up",
               "maj@n: share of held-out problems whose most frequent answer is right; ties count by their "
               "share."),
        Metric("eval/kl", "KL to start", "nats", "",
               "KL from the model before training, per token, on held-out completions: mean of exp(r-p) - "
               "(r-p) - 1."),
        Metric("eval/length", "Held-out length", "tokens", "", "Mean tokens of the held-out completions."),
        Metric("eval/seconds", "Evaluation time", "seconds", "down", "Wall time of one evaluation."),
        Metric("reward/total", "Reward", "reward", "",
               "Mean total over the step's samples: what GRPO pushes. Not comparable between mixes. Like "
               "all of a rollout, recorded once every num_iterations steps."),
        Metric("reward/accuracy", "Training accuracy", "share", "up",
               "Share of the step's samples whose parsed answer equals the gold answer."),
        Metric("reward/no_answer", "No answer", "share", "down",
               "Share of the step's samples in which no answer could be parsed."),
        Metric("blend/hard", "Hard share", "share", "",
               "w_hard: the hard side's share of the blend at this step."),
        Metric("signal/dead_groups", "Dead groups", "share", "down",
               "Share of groups that teach nothing: every advantage in them is 0, as where all totals are "
               "equal."),
        Metric("signal/group_spread", "Spread inside groups", "reward", "",
               "Standard deviation of the totals inside a group, averaged over the step's groups."),
        Metric("judge/requests", "Judge requests", "number", "",
               "HTTP requests sent to judges in this step, retries too; only where a judge is used."),
        Metric("judge/failed", "Judge failures", "number", "down",
               "Samples of the step that a judge gave no score: timeout, refusal, no number, over the "
               "limit or the budget."),
        Metric("judge/cached", "Judge cache hits", "number", "",
               "Samples of the step whose text a judge had rated before, or that stood twice in the step."),
        Metric("policy/loss", "Loss", "number", "",
               "TRL's policy loss. Near 0 by construction; its size says little."),
        Metric("policy/kl", "KL penalty", "nats", "",
               "TRL's KL to the reference on training samples; only where beta > 0."),
        Metric("policy/entropy", "Entropy", "nats", "",
               "Mean entropy of the next-token distribution on training samples."),
        Metric("policy/grad_norm", "Gradient norm", "number", "", "Norm of the gradient before clipping."),
        Metric("policy/clip_ratio", "Clipped", "share", "",
               "Share of tokens whose policy ratio was clipped; 0 at a rollout's first step, where the "
               "ratio is 1."),
        Metric("policy/learning_rate", "Learning rate", "number", "", "The optimizer's learning rate."),
        Metric("length/mean", "Completion length", "tokens", "", "Mean tokens of the step's completions."),
        Metric("length/max", "Longest completion", "tokens", "", "Tokens of the step's longest completion."),
        Metric("length/truncated", "Truncated", "share", "down",
               "Share of completions cut at max_completion_length before they ended."),
        Metric("speed/step_seconds", "Step time", "seconds", "down",
               "Wall time of one optimizer step: forward, backward and, in a rollout's first step, "
               "generation and scoring. Without evaluation."),
        Metric("speed/generate_seconds", "Generation time", "seconds", "down",
               "Part of the step spent generating."),
        Metric("speed/score_seconds", "Scoring time", "seconds", "down",
               "Part of the step spent scoring, with the forward for log-probs where a component needs it."),
        Metric("memory/peak", "Peak memory", "GiB", "down",
               "Most memory that the first process had so far: torch's on its GPU, the whole process's on "
               "the CPU."),
        Metric("speed/generated_tokens_per_second", "Generation speed", "tokens/s", "up",
               "Generated tokens per second of generation time."),
    )
}  # fmt: skip

FAMILIES: dict[str, Metric] = {
    m.key: m
    for m in (
        Metric("eval/pass@", "pass@{term}", "share", "up",
               "P(one of {term} completions of a held-out problem is right), unbiased from all of them, "
               "mean over problems."),
        Metric("score/", "{term}: score", "reward", "",
               "Mean raw score of {term}, over the samples it applies to."),
        Metric("contribution/", "{term}: contribution", "reward", "",
               "Mean of weight x shaped score of {term}: what it adds to the reward."),
        Metric("weight/", "{term}: weight", "number", "",
               "Full factor of {term}: its own weight times its side's share."),
        Metric("signal/advantage_share/", "{term}: share of advantage", "share", "",
               "Share of the advantage's variance inside groups that comes from {term}. Negative: it pulls "
               "against the rest."),
    )
}  # fmt: skip


def percent(share: float, digits: int = 0) -> str:
    """A share written for people: 65 %."""
    return f"{100 * share:.{digits}f} %"


def count(n: int, what: str) -> str:
    """A number of things written for people: 1 seed, 3 seeds."""
    return f"{n} {what}{'' if n == 1 else 's'}"


def describe(key: str) -> Metric:
    """The metric of a key.

    KeyError for a key that is not described: a bug, which tests find.
    """
    if key in METRICS:
        return METRICS[key]
    for prefix, family in FAMILIES.items():
        term = key.removeprefix(prefix)
        if key.startswith(prefix) and term and "/" not in term:
            return replace(
                family, key=key, title=family.title.format(term=term), what=family.what.format(term=term)
            )
    raise KeyError(f"metric {key!r} is not in the catalogue: describe it in core/metrics/catalogue.py")


def described(key: str) -> bool:
    """Whether this version describes the key; a run imported from a newer version may have others."""
    try:
        describe(key)
    except KeyError:
        return False
    return True
