"""What every score of a comparison is: title, unit, direction, formula in words, source.

Pages take their words from here. The metrics of a training, from which scores are computed, are described in
core.metrics.catalogue.
"""

from dataclasses import dataclass
from typing import Literal

Better = Literal["up", "down", ""]
CHAN = "Chan et al. 2020, arXiv 1912.05663"
RLIABLE = "Agarwal et al. 2021, arXiv 2108.13264"


@dataclass(frozen=True)
class Score:
    """Title, unit, formula and source of a score.

    `of`: whether it belongs to a run, an arm or a pair of arms. `better` is "" where neither direction is
    good in itself.
    """

    key: str
    title: str
    of: Literal["run", "arm", "pair"]
    unit: str
    better: Better
    formula: str
    source: str


SCORES: dict[str, Score] = {
    s.key: s
    for s in (
        Score("gold/auc", "Area under the curve", "run", "share", "up",
              "Mean height of gold accuracy from step 0 to the last: trapezoids between evaluations, over "
              "the steps.",
              "trapezoid rule"),
        Score("gold/gain", "Gain", "run", "share", "up",
              "(area under the curve - accuracy at step 0) / (1 - accuracy at step 0): part of what could "
              "be gained.", "ours"),
        Score("gold/final", "Final accuracy", "run", "share", "up",
              "Gold accuracy of the last evaluation. An arm's interval is over seeds; a run's own (table of "
              "runs) is Wilson's.",
              "Wilson 1927, JASA 22:209"),
        Score("gold/late", "Late accuracy", "run", "share", "up",
              "Mean height of gold accuracy over the last fifth of the steps: steadier than one "
              "evaluation.", "ours"),
        Score("gold/best", "Best accuracy", "run", "share", "up",
              "Highest gold accuracy of any evaluation: the luckiest of many, too high on average.",
              "Wilson 1927, JASA 22:209"),
        Score("gold/fall", "Best minus final", "run", "share", "down",
              "Best accuracy - final accuracy: what was learned and lost, and luck.", "ours"),
        Score("risk/max_drawdown", "Worst drop", "run", "share", "down",
              "Largest fall of gold accuracy below its best so far: max of (max of y up to t) - y_t.",
              f"{CHAN}, section 3"),
        Score("risk/drawdown_tail", "Long-term risk", "run", "share", "down",
              "Mean of the worst 5 % of the falls below the best so far (upper CVaR); with up to 20 "
              "evaluations the worst one.",
              f"{CHAN}, section 3, with the upper tail; Rockafellar and Uryasev 2000, J. Risk 2:21"),
        Score("noise/dispersion", "Jitter", "run", "share", "down",
              "Interquartile range of the differences between neighbouring evaluations, in windows of 11, "
              "averaged. With few evaluations the bend of a curve that rises fast counts too.",
              f"{CHAN}, section 3"),
        Score("spikes/grad_norm", "Gradient spikes", "run", "per 100 steps", "down",
              "Steps whose gradient norm lies over 5 robust deviations (1.4826 MAD) above the median of the "
              "20 steps before.",
              "Iglewicz and Hoaglin 1993, How to detect and handle outliers"),
        Score("spikes/kl", "KL spikes", "run", "per 100 steps", "down",
              "The same rule on the KL penalty; only where beta > 0.", "as gradient spikes"),
        Score("spikes/loss", "Loss spikes", "run", "per 100 steps", "down",
              "The same rule on the loss.", "as gradient spikes"),
        Score("spikes/length", "Length spikes", "run", "per 100 steps", "down",
              "The same rule on the mean length of completions.", "as gradient spikes"),
        Score("entropy/half_life", "Entropy half-life", "run", "steps", "",
              "First step at which the entropy (mean of 5 steps) is at most half of its "
              "mean in the first 5.", "ours"),
        Score("kl/spent", "KL spent", "run", "nats", "down",
              "KL to the start at the last evaluation, per token: how far the policy went for what it "
              "learned.", "ours"),
        Score("kl/area", "KL along the way", "run", "nats", "down",
              "Mean height of the KL to the start from step 0 to the last evaluation.", "trapezoid rule"),
        Score("signal/dead_groups", "Dead groups", "run", "share", "down",
              "Mean over steps of the share of groups that teach nothing.", "ours"),
        Score("collapse/step", "Collapse step", "run", "steps", "up",
              "First step at which training accuracy (mean of 10 steps) is below 1 %, having been above.",
              "after MCS, arXiv 2603.08660: there of the reward's agreement with the truth"),
        Score("health/missing", "Steps without a number", "run", "steps", "down",
              "Trained steps whose reward, loss or gradient norm was NaN or infinite.", "ours"),
        Score("reach/steps", "Steps to threshold", "run", "steps", "down",
              "First evaluation from which two in a row are at the threshold or above it; else not reached, "
              "never left out.",
              "ours"),
        Score("reach/tokens", "Tokens to threshold", "run", "tokens", "down",
              "Generated tokens up to that step: sum of mean length x completions of a step.", "ours"),
        Score("reach/seconds", "Seconds to threshold", "run", "seconds", "down",
              "Training seconds up to that step, without evaluations; only comparable on one kind of "
              "machine.", "ours"),
        Score("arm/mean", "Mean", "arm", "the score's", "", "Sum over seeds / number of seeds.", "textbook"),
        Score("arm/iqm", "Interquartile mean", "arm", "the score's", "",
              "Mean after floor(n/4) values are cut at each end; below 4 seeds the mean.",
              f"{RLIABLE}, section 4.3"),
        Score("arm/interval", "95 % interval", "arm", "the score's", "",
              "Runs are drawn anew with replacement 10,000 times; from the 2.5 % to the 97.5 % quantile of "
              "what comes out.",
              f"{RLIABLE}, section 4.1; Efron 1979, Ann. Statist. 7:1"),
        Score("arm/deviation", "Spread over seeds", "arm", "the score's", "down",
              "Standard deviation over seeds, with n - 1.", "textbook"),
        Score("arm/profile", "Performance profile", "arm", "share", "up",
              "Share of seeds whose score lies above each height.", f"{RLIABLE}, section 4.2"),
        Score("arm/restricted", "Mean time to threshold", "arm", "the time's", "down",
              "Area under the Kaplan-Meier curve up to the limit: a run that never got there counts with "
              "the whole limit.",
              "Kaplan and Meier 1958, JASA 53:457; Royston and Parmar 2013, BMC Med. Res. Methodol. 13:152"),
        Score("arm/median_time", "Median time to threshold", "arm", "the time's", "down",
              "First time at which the Kaplan-Meier curve is at most one half.",
              "Kaplan and Meier 1958, JASA 53:457"),
        Score("pair/improvement", "Probability of improvement", "pair", "share", "up",
              "Share of the pairs (a run of one, a run of the other) that the first wins; a tie is half. "
              "0.50 is a coin.",
              f"{RLIABLE}, section 4.3; Mann and Whitney 1947, Ann. Math. Statist. 18:50"),
        Score("pair/difference", "Difference by seed", "pair", "the score's", "",
              "Mean over common seeds of the first arm's score minus the second's.", "textbook"),
        Score("pair/p", "p of the differences", "pair", "share", "",
              "Share of all changes of sign of the differences whose |sum| is at least as large.",
              "Fisher 1935, The design of experiments, section 21"),
        Score("pair/p_holm", "p, corrected", "pair", "share", "",
              "p x number of comparisons not yet rejected, in rising order: keeps the chance of any false "
              "claim.",
              "Holm 1979, Scand. J. Statist. 6:65"),
        Score("pair/held_out", "p on the held-out problems", "pair", "share", "",
              "McNemar's exact test on problems gained and lost; with several completions a problem, by "
              "changes of sign.",
              "McNemar 1947, Psychometrika 12:153"),
    )
}  # fmt: skip
# Scores that may be censored.
TIMES = ("entropy/half_life", "collapse/step", "reach/steps", "reach/tokens", "reach/seconds")
MEASURED = tuple(key for key, score in SCORES.items() if score.of == "run" and key not in TIMES)
"""Scores that core.compare.stats.scores gives: a number for every evaluated run."""
