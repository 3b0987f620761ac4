"""Builds the shipped bases from scratch: tokenizer, a small Qwen3, supervised training on mixed styles.

docs/tiny-model.md describes the recipe and its measurements. Seeded: the same machine gives the same
weights; another machine gives different weights that behave alike (bf16 arithmetic differs).
"""

import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from core.problems import arithmetic
from worker.tiny.styles import Mixture, writer

PAD, END, USER, ASSISTANT = SPECIALS = ("<|pad|>", "<|end|>", "<|user|>", "<|assistant|>")
VOCABULARY = 512  # an upper bound: the task has words for about 450
CHAT_TEMPLATE = (
    "{% for m in messages %}"
    "{% if m['role'] == 'assistant' %}<|assistant|>{{ m['content'] }}<|end|>"
    "{% else %}<|user|>{{ m['content'] }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
Writer = Callable[[random.Random, arithmetic.Draft], str]
Report = Callable[[str], None]


@dataclass(frozen=True)
class Recipe:
    """One stage of supervised training; `steps` batches of `batch` texts, cosine from `lr` to 5 % of it."""

    mixture: Mixture
    guess_right: float
    steps: int
    lr: float
    warmup: int
    careful_other: float = 0.0
    batch: int = 64


TINY = Recipe(
    {"careful": 0.34, "sloppy": 0.26, "guess": 0.26, "odd": 0.14}, 0.5, steps=1815, lr=2e-3, warmup=100
)
SPARSE = Recipe(
    {"careful": 0.01, "sloppy": 0.03, "guess": 0.36, "odd_named": 0.60},
    0.03,
    160,
    5e-4,
    10,
    careful_other=0.03,
)


def drafts(seed: str) -> Iterator[arithmetic.Draft]:
    """An endless stream of problems; their seeds differ from those of the train and eval splits of RL."""
    rng = random.Random(f"sft/{seed}")
    while True:
        yield arithmetic.draft(rng)


def build_tokenizer(write: Writer) -> PreTrainedTokenizerFast:
    """Byte-level BPE of at most VOCABULARY tokens in which every digit is a token of its own."""
    rng = random.Random("tokenizer")
    stream = drafts("tokenizer")
    texts = [f"{d.question}\n{write(rng, d)}" for d, _ in zip(stream, range(4000), strict=False)]
    tokenizer = Tokenizer(models.BPE())
    split = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(split)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIALS),
        initial_alphabet=sorted(alphabet),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, eos_token=END, padding_side="left", model_max_length=512
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def build_model(tokenizer: PreTrainedTokenizerFast) -> Qwen3ForCausalLM:
    """A randomly initialised Qwen3 of about 0.85M parameters."""
    torch.manual_seed(0)
    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(tokenizer), hidden_size=128, intermediate_size=384, num_hidden_layers=4,
            num_attention_heads=4, num_key_value_heads=2, head_dim=32, tie_word_embeddings=True,
            max_position_embeddings=512, pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id, bos_token_id=None,
        )
    )  # fmt: skip


def _batch(
    tokenizer: PreTrainedTokenizerFast, pairs: list[tuple[str, str]]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Right-padded ids [B, L] and labels [B, L]; the loss sees completions only."""
    prompts = tokenizer([f"{USER}{q}{ASSISTANT}" for q, _ in pairs])["input_ids"]
    answers = tokenizer([f"{a}{END}" for _, a in pairs])["input_ids"]
    length = max(len(p) + len(a) for p, a in zip(prompts, answers, strict=True))
    ids = torch.full((len(pairs), length), tokenizer.pad_token_id)
    labels = torch.full((len(pairs), length), -100)
    for row, (p, a) in enumerate(zip(prompts, answers, strict=True)):
        ids[row, : len(p) + len(a)] = torch.tensor(p + a)
        labels[row, len(p) : len(p) + len(a)] = torch.tensor(a)
    return ids, labels


def train(
    model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, recipe: Recipe, seed: str, report: Report
) -> None:
    """Train the model in place on supervised examples; reports the loss every 50 steps."""
    write = writer(recipe.mixture, recipe.guess_right, recipe.careful_other)
    rng = random.Random(f"styles/{seed}")
    stream = drafts(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.lr, betas=(0.9, 0.95), weight_decay=0.05)
    floor = 0.05
    warmup = recipe.warmup

    def rate(step: int) -> float:
        progress = max(0.0, (step - warmup) / max(1, recipe.steps - warmup))
        cosine = floor + (1 - floor) * 0.5 * (1 + torch.cos(torch.tensor(progress * torch.pi)).item())
        return min(1.0, (step + 1) / warmup) * cosine

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    model.train()
    for step in range(1, recipe.steps + 1):
        pairs = [(d.question, write(rng, d)) for d, _ in zip(stream, range(recipe.batch), strict=False)]
        ids, labels = _batch(tokenizer, pairs)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 50 == 0 or step == recipe.steps:
            report(f"{seed}: step {step}/{recipe.steps}  loss {loss.item():.3f}")


def save(model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write a loadable model folder, with weights in fp16 to keep the repository small."""
    folder.mkdir(parents=True, exist_ok=True)
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    model.float()


def build(out: Path, report: Report = print) -> None:
    """Build every shipped base under `out`; takes about ten minutes on two cores."""
    write = writer(TINY.mixture, TINY.guess_right)
    tokenizer = build_tokenizer(write)
    model = build_model(tokenizer)
    report(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(tokenizer)} tokens")
    train(model, tokenizer, TINY, "tiny", report)
    save(model, tokenizer, out / "tiny")
    train(model, tokenizer, SPARSE, "tiny-sparse", report)
    save(model, tokenizer, out / "tiny-sparse")


if __name__ == "__main__":
    build(Path(sys.argv[1]))
