"""Makes the shipped sample set: `python -m worker.training.shipped_samples OUT.jsonl`.

The set lets people try a mix in the first minute, before any run: real completions by the two shipped bases,
with their own log-probabilities. Reproducible: seeded, on the CPU.
"""

import json
import sys
from pathlib import Path

import torch

from core.config.run import ModelConfig
from core.problems import arithmetic
from worker.training import policy

PROBLEMS = 64
GENERATIONS = 8
TOKENS = 40
SEED = 20_251_121


def main(out: Path) -> None:
    """Write the rows; tiny answers the first half of the problems, tiny-sparse the second."""
    problems = arithmetic.problems(PROBLEMS, "train", seed=SEED)
    with out.open("w", encoding="utf-8") as file:
        for name, part in (("tiny", problems[: PROBLEMS // 2]), ("tiny-sparse", problems[PROBLEMS // 2 :])):
            model, tokenizer = policy.load(ModelConfig(path=name))
            torch.manual_seed(SEED)
            for problem in part:
                chat = [{"role": "user", "content": problem.question}]
                inputs = tokenizer.apply_chat_template(
                    chat, add_generation_prompt=True, return_dict=True, return_tensors="pt"
                )
                output = model.generate(
                    **inputs, do_sample=True, temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=TOKENS,
                    num_return_sequences=GENERATIONS, return_dict_in_generate=True, output_logits=True,
                )  # fmt: skip
                logps = model.compute_transition_scores(
                    output.sequences, output.logits, normalize_logits=True
                )
                for ids, logp in zip(output.sequences[:, inputs["input_ids"].shape[1] :], logps, strict=True):
                    ends = (ids == tokenizer.eos_token_id).nonzero()
                    n = int(ends[0]) + 1 if len(ends) else len(ids)
                    row = {
                        "prompt": problem.question,
                        "completion": tokenizer.decode(ids[:n], skip_special_tokens=True),
                        "gold": problem.gold,
                        "group": problem.id,
                        "problem_id": problem.id,
                        "solution": problem.solution,
                        "n_tokens": n,
                        "truncated": not len(ends),
                        "mean_nll": round(-float(logp[:n].mean()), 6),
                        "model": name,
                    }
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
