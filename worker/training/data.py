"""Problems from a DataSource, and the prompt rows that the trainer needs.

Local files and the generated task need no network; a hub name is loaded through `datasets`.
"""

import os
from pathlib import Path

from datasets import Dataset, load_dataset_builder
from transformers import PreTrainedTokenizerBase

from core.common.errors import DataError, OutsideRoots
from core.config.run import DataConfig, DataSource
from core.files import data_roots
from core.grading.replies import MARKS, opened
from core.problems import Problem, arithmetic, jsonl

Prompt = str | list[dict[str, str]]
# problems of the generated task, where the config leaves `size` empty
TRAIN_SIZE = 4096
EVAL_SIZE = 128
TAIL_TOKENS = 32  # last tokens of a prompt, where its template may have opened a thought
ARCHIVES = frozenset({"zip", "tar", "gzip", "bz2", "xz", "zstd", "lz4"})
HUB_SPLITS = {"train": "train", "eval": "test"}


def problems(source: DataSource, split: str) -> list[Problem]:
    """The problems of a source; `split` is train or eval."""
    if source.path:
        path = Path(os.path.expanduser(source.path))
        try:
            return jsonl.read(path, source.question, source.answer, source.size, data_roots.open_text)
        except OutsideRoots as error:
            raise OutsideRoots(f"data.{split}.path: {error}") from None
    if source.name == arithmetic.NAME:
        return arithmetic.problems(source.size or (TRAIN_SIZE if split == "train" else EVAL_SIZE), split)
    return _from_hub(source, source.split or HUB_SPLITS[split])


def _from_hub(source: DataSource, split: str) -> list[Problem]:
    # datasets would read a local file of that name, and quote from it in its errors
    if os.path.lexists(source.name):
        raise DataError(
            f"data set {source.name!r} is a file or folder here, not a name on the hub; "
            "give a JSONL file as `path`"
        )
    try:
        # Listed before anything is read: a data set's own README may name files of this machine, and for a
        # name that equals one of its readers (text, json, ...) datasets reads files of the current directory.
        builder = load_dataset_builder(source.name, source.subset or None)
        files = [str(file) for group in (builder.config.data_files or {}).values() for file in group]
        if not all(map(on_hub, files)):
            raise DataError(
                f"data set {source.name!r} has files that are not its own on the hub, so it is not read; "
                "give another, or a JSONL file as `path`"
            )
        builder.download_and_prepare()
        rows = builder.as_dataset(split=split)
    except DataError:
        raise
    except Exception as error:  # datasets raises many kinds; each means that this source is not available
        raise DataError(
            f"data set {source.name!r} (subset {source.subset or None!r}, split {split!r}) "
            f"cannot be loaded: {error}; check the name and the network, or give `path` of a local JSONL file"
        ) from error
    selected = rows if source.size is None else rows.select(range(min(source.size, len(rows))))
    return [
        jsonl.to_problem(
            row,
            f"{source.name}/{split}, row {i}",
            f"{source.name}/{split}/{i}",
            source.question,
            source.answer,
        )
        for i, row in enumerate(selected)
    ]


def on_hub(file: str) -> bool:
    """Whether a data set's file is on the hub, or in an archive there, as in `zip://inner.csv::hf://...`."""
    *inner, outer = file.split("::")
    return outer.startswith("hf://") and all(part.partition("://")[0] in ARCHIVES for part in inner)


def prompt(problem: Problem, data: DataConfig, conversational: bool) -> Prompt:
    """The prompt of the policy: a chat if `conversational`, else plain text.

    `conversational` says that the tokenizer has a chat template.
    """
    text = f"{problem.question}\n{data.instruction}" if data.instruction else problem.question
    return [{"role": "user", "content": text}] if conversational else text


def begun(tokenizer: PreTrainedTokenizerBase, prompt_ids: list[list[int]]) -> list[str]:
    """The start of each completion that its rendered prompt already contains.

    core.grading.replies.opened finds it in the prompt's last tokens.
    """
    tails = [tuple(ids[-TAIL_TOKENS:]) for ids in prompt_ids]
    distinct = list(dict.fromkeys(tails))
    texts = tokenizer.batch_decode([list(tail) for tail in distinct], skip_special_tokens=False)
    of_tail = dict(zip(distinct, map(opened, texts), strict=True))
    return [of_tail[tail] for tail in tails]


def texts(tokenizer: PreTrainedTokenizerBase, completion_ids: list[list[int]]) -> list[str]:
    """Completions as text without special tokens, except those that mark a thought.

    Without these marks a thought would count as an answer.
    """
    marks = {token for token in tokenizer.all_special_tokens if MARKS.fullmatch(token)}
    if not marks:
        return tokenizer.batch_decode(completion_ids, skip_special_tokens=True)
    hidden_ids = {*tokenizer.all_special_ids} - {*tokenizer.convert_tokens_to_ids(sorted(marks))}
    visible_ids = [[token for token in ids if token not in hidden_ids] for ids in completion_ids]
    return tokenizer.batch_decode(visible_ids, skip_special_tokens=False)


def rows(found: list[Problem], data: DataConfig, conversational: bool) -> Dataset:
    """Problems as the rows of a data set for TRL."""
    return Dataset.from_list(
        [
            {
                "prompt": prompt(p, data, conversational),
                "problem_id": p.id,
                "gold": p.gold,
                "solution": p.solution,
                "question": p.question,
            }
            for p in found
        ]
    )
