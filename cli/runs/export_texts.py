"""The two texts of an exported run: a script that trains it again, and a README."""

from collections.abc import Mapping
from typing import Any

from core.config.run import RunConfig
from core.rewards.component import FROM_TEXT
from core.store.runs.claims import threads_of

HEAD = '''"""Trains run {run} ({name}, seed {seed}) again, without dashboard, database or queue.

    {start} train_standalone.py [OUT]

Run it with a Python in which Showdown {version} is installed with its `worker` extra. Reads config.yaml
beside it; writes steps.jsonl (one line a step) and adapter/ into OUT, else into trained/. \
It keeps no evaluations and no
checkpoints.{threads_said}
"""

import json
import os
import sys

if os.environ.get("WORLD_SIZE", "1") != "{processes}":
    sys.exit("this run trained in {processes} process(es), and in another number of them it is another run. \
Start it with:\\n"
             "    {start} train_standalone.py")
os.environ.setdefault("SHOWDOWN_DATA_ROOTS", "/")  # you start this yourself: \
it may read what config.yaml names

{imports}{threads_set}
HERE = Path(__file__).resolve().parent
OUT = Path(sys.argv[1] if len(sys.argv) > 1 else HERE / "trained")
OUT.mkdir(parents=True, exist_ok=True)

config = parse(RunConfig, yaml.safe_load((HERE / "config.yaml").read_text(encoding="utf-8")))
options.check(config)
problems = data.problems(config.data.train, "train")
set_seed(config.seed)  # before the model: the adapter begins with random numbers
model, tokenizer = policy.load(config.model)
rows = data.rows(problems, config.data, tokenizer.chat_template is not None)
'''

# The variable for accelerate, which chooses a number for several processes where it is not set.
THREADS = """
import torch

os.environ["OMP_NUM_THREADS"] = "{threads}"
torch.set_num_threads({threads})
"""

STOCK_IMPORTS = """import math
from pathlib import Path

import numpy as np
import yaml
from transformers import PrinterCallback, TrainerCallback, set_seed
from transformers.trainer_utils import SaveStrategy
from trl import GRPOTrainer

from core.config.parsing import parse
from core.config.run import RunConfig
from core.rewards.batch import RolloutBatch
from core.rewards.engine import RewardEngine, signals_of
from worker.training import data, options, policy
from worker.training.trl_config import grpo_config, lora_config
"""

STOCK = '''engine = RewardEngine(config.trained_mix)


def reward(completions, completion_ids, trainer_state, question, gold, problem_id, solution, **_):
    """The mix's totals at this step: what TRL makes advantages of. \
Completions of one prompt stand together."""
    n = len(completions)
    texts = [c if isinstance(c, str) else c[-1]["content"] for c in completions]
    ends = {*trainer.eos_token_ids, tokenizer.pad_token_id}
    batch = RolloutBatch(
        prompts=question,
        completions=texts,
        golds=gold,
        problem_ids=problem_id,
        solutions=solution,
        group=np.arange(n) // config.grpo.num_generations,
        n_tokens=np.array([len(ids) for ids in completion_ids]),
        truncated=np.array([not ids or ids[-1] not in ends for ids in completion_ids]),
        mean_nll=np.full(n, np.nan),
        answer_rule=config.data.answer_rule,
    )
    scored = engine.score(batch, trainer_state.global_step + 1)
    engine.observe(signals_of(batch, scored))  # adaptive schedules move
    return [None if math.isnan(total) else float(total) for total in scored.total]


trainer = GRPOTrainer(
    model=model,
    reward_funcs=reward,
    args=grpo_config(config, OUT),
    train_dataset=rows,
    processing_class=tokenizer,
    peft_config=lora_config(config),
)
'''

OURS_IMPORTS = """from pathlib import Path

import yaml
from transformers import PrinterCallback, TrainerCallback, set_seed
from transformers.trainer_utils import SaveStrategy

from core.config.parsing import parse
from core.config.run import RunConfig
from worker.training import data, options, policy
from worker.training.trainer import build
"""

OURS = """# A GRPOTrainer of TRL whose rewards are the mix. A reward function alone would not do here: {why}.
trainer = build(config, model, tokenizer, rows, OUT)
"""

KL_IMPORT = "from worker.training.evaluate import Evaluator\n"

KL = '''evaluator = Evaluator(trainer, data.problems(config.data.eval, "eval"), config)


class Watch(TrainerCallback):
    """The mix watches the KL to the start, which is measured on held-out problems."""

    def on_train_begin(self, args, state, control, **_):
        trainer.engine.observe_evaluation(0.0, state.global_step)  # the policy still is the start

    def on_step_end(self, args, state, control, **_):
        if state.global_step % config.evaluation.every == 0 or state.global_step >= state.max_steps:
            trainer.engine.observe_evaluation(evaluator().kl, state.global_step)


trainer.add_callback(Watch())
'''

TAIL = '''

class Steps(TrainerCallback):
    """A line a step."""

    def on_log(self, args, state, control, logs, **_):
        if "loss" in logs and state.is_world_process_zero:
            step = {"step": state.global_step, **logs}
            reward = f"reward {logs['reward']:.4f}, " if "reward" in logs else ""  \
# of the steps that generate
            print(f"step {state.global_step}: {reward}loss {logs['loss']:.6f}", flush=True)
            with (OUT / "steps.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(step) + "\\n")


(OUT / "steps.jsonl").unlink(missing_ok=True)
trainer.args.save_strategy = SaveStrategy.NO
trainer.remove_callback(PrinterCallback)
trainer.add_callback(Steps())
trainer.train()
trainer.save_model(str(OUT / "adapter"))
'''

LOAD = """Load the adapter:

    from peft import AutoPeftModelForCausalLM
    model = AutoPeftModelForCausalLM.from_pretrained("adapter")

"""


def _beyond_trl(config: RunConfig) -> str:
    """Why a reward function of stock TRL cannot train the mix; empty where it can."""
    mix = config.mix
    if mix.needs - FROM_TEXT:  # more than a reward function of stock TRL is given
        return f"the mix asks for {', '.join(sorted(mix.needs - FROM_TEXT))}"
    if mix.advantage.in_trl is None:
        return f"TRL has no advantage rule like this {mix.advantage.type!r}"
    if config.grpo.num_processes > 1:
        return "a group of completions may lie in several processes"
    if config.grpo.use_vllm:
        return "TRL would round the base anew at every step when it sends weights to vLLM"
    return "the mix watches the KL" if _watches_kl(config) else ""


def _watches_kl(config: RunConfig) -> bool:
    return any(s.signal == "kl" for s in config.mix.adaptive.values())


def _start(processes: int) -> str:
    """The command that starts the script."""
    return "python" if processes == 1 else f"accelerate launch --multi_gpu --num_processes {processes}"


def _about_threads(made_with: Mapping[str, Any], mixed: bool) -> str:
    """What a reader of the script must know about the run's CPU threads; empty for a run on a GPU."""
    if threads := threads_of(made_with):
        reason = (
            "part of the run had another number, so the last bits differ"
            if mixed
            else "another number changes the last bits"
        )
        return f"It computes with {threads} CPU threads as the run did: {reason}."
    if str(made_with.get("device", "")).startswith("cpu"):
        return (
            "The run's number of CPU threads is not recorded: the last bits may differ. "
            "OMP_NUM_THREADS sets it."
        )
    return ""


def script(
    config: RunConfig, run_id: int, version: str, made_with: Mapping[str, Any], mixed: bool = False
) -> str:
    """Text of train_standalone.py: stock TRL with a reward function if that suffices, else our trainer.

    Stock TRL suffices where it trains the same. `made_with`: the run's environment. `mixed`: not all its
    steps were computed with its number of CPU threads.
    """
    reason = _beyond_trl(config)
    kl = _watches_kl(config)
    imports = OURS_IMPORTS if reason else STOCK_IMPORTS
    if kl:
        imports = imports.replace("from worker.training.trainer", KL_IMPORT + "from worker.training.trainer")
    start = _start(config.grpo.num_processes)
    threads = threads_of(made_with)
    thread_note = _about_threads(made_with, mixed)
    head = HEAD.format(
        start=start,
        processes=config.grpo.num_processes,
        run=run_id,
        name=config.name,
        seed=config.seed,
        version=version,
        imports=imports,
        threads_said=f"\n\n{thread_note}" if thread_note else "",
        threads_set=THREADS.format(threads=threads) if threads else "",
    )
    body = OURS.format(why=reason) if reason else STOCK
    return head + body + (KL if kl else "") + TAIL


def _same_numbers(made_with: Mapping[str, Any], mixed: bool) -> str:
    """Note on when training the run again gives the same numbers."""
    thread_note = _about_threads(made_with, mixed)
    threads = threads_of(made_with)
    if not thread_note:
        return "On the same machine and versions both give the same numbers."
    text = f"On the same machine and versions it gives the same numbers. {thread_note}"
    if threads:
        text += f" OMP_NUM_THREADS={threads} in front lets the first command do so too."
    return text


DESCRIPTIONS = {
    "config.yaml": "the run's settings, every default filled in",
    "run.json": "its state, history, environment and hashes; names every file here with size and SHA-256",
    "metrics.parquet": "metric, step, value: every curve",
    "samples.parquet": (
        "every completion: prompt, gold, parsed answer, total, advantage; split is train or eval"
    ),
    "scores.parquet": (
        "every term of every sample: raw, shaped, weight, contribution; `sample` as in samples.parquet"
    ),
    "evaluations.parquet": "one row an evaluation on held-out problems",
    "evaluation_items.parquet": "one row a held-out problem in each of them",
    "notes.parquet": "notes that people wrote on samples, by the sample's place",
    "labels.parquet": "labels that people put on samples, by the sample's place",
    "adapter/": "the trained LoRA adapter, as peft writes it",
    "train_standalone.py": "trains the run again without dashboard, database or queue",
}


def readme(
    run_id: int,
    head: Mapping[str, Any],
    rows: Mapping[str, int],
    adapter: bool,
    best: Mapping[str, Any] | None,
    mixed: bool,
) -> str:
    """Text of README.md: what each file is, and how to use it."""
    made_with = head["environment"] or {}
    versions = made_with.get("versions", {})
    stack = ", ".join(f"{name} {number}" for name, number in versions.items() if number)
    descriptions = {
        k: v
        for k, v in DESCRIPTIONS.items()
        if (k in rows or not k.endswith(".parquet")) and (adapter or k != "adapter/")
    }
    highest = (
        f"\nHighest held-out accuracy: {best['accuracy']:.1%}, at step {best['step']}.\n" if best else ""
    )
    table = "\n".join(
        f"| `{k}` | {v} | {f'{rows[k]:,}' if k in rows else ''} |" for k, v in descriptions.items()
    )
    return f"""# Run {run_id}: {head["arm"]}, seed {head["seed"]}

{head["structure"]} reward structure, {head["status"]} at step {head["step"]} of {head["max_steps"]}.
Config {head["config_hash"]}, made by Showdown {head["revision"] or "(unknown revision)"}\
{f" with {stack}" if stack else ""}.
{highest}
| file | what it is | rows |
|---|---|---|
{table}

Back into a Showdown, as a new run:

    showdown import .

Train it again, into the database or alone:

    showdown run config.yaml
    {_start(head["num_processes"])} train_standalone.py out

The script needs Showdown's `worker` extra, for rewards, data and settings. \
Paths in config.yaml are those of the machine it
ran on. {_same_numbers(made_with, mixed)}

Read the numbers from anywhere:

    import pandas as pd
    metrics = pd.read_parquet("metrics.parquet").pivot(index="step", columns="metric", values="value")
    samples = pd.read_parquet("samples.parquet").set_index("sample")
    scores = pd.read_parquet("scores.parquet").join(samples, on="sample")

{LOAD if adapter else ""}An empty `raw` says that the term does not apply to the sample, \
an empty `total` that it was held out.
"""
