"""Problems from a DataSource, and the prompt rows the trainer wants. Called by worker.train.

Local files and the generated task need nothing; a hub name goes through `datasets`.
"""

import os
from pathlib import Path

from datasets import Dataset, load_dataset_builder
from transformers import PreTrainedTokenizerBase

from core import roots
from core.config import DataConfig, DataSource
from core.errors import DataError, OutsideRoots
from core.problems import Problem, arithmetic, jsonl
from core.replies import MARKS, opened

Prompt = str | list[dict[str, str]]
TRAIN_SIZE, EVAL_SIZE = 4096, 128  # of the generated task, where the config leaves `size` empty
TAIL_TOKENS = 32  # of a prompt, in which its template may have opened a thought
ARCHIVES = frozenset({"zip", "tar", "gzip", "bz2", "xz", "zstd", "lz4"})
HUB_SPLITS = {"train": "train", "eval": "test"}


def problems(source: DataSource, split: str) -> list[Problem]:
    """The problems of a source; `split` is train or eval."""
    if source.path:
        path = Path(os.path.expanduser(source.path))
        try:
            return jsonl.read(path, source.question, source.answer, source.size, roots.open_text)
        except OutsideRoots as error:
            raise OutsideRoots(f"data.{split}.path: {error}") from None
    if source.name == arithmetic.NAME:
        return arithmetic.problems(source.size or (TRAIN_SIZE if split == "train" else EVAL_SIZE), split)
    return _from_hub(source, source.split or HUB_SPLITS[split])


def _from_hub(source: DataSource, split: str) -> list[Problem]:
    if os.path.lexists(source.name):  # datasets would read what lies there, and quote from it where it is no data
        raise DataError(
            f"data set {source.name!r} is a file or folder here, not a name on the hub; give a JSONL file as `path`"
        )
    try:
        # Asked for before anything is read: a data set's own README may name files of this machine, and under the names of
        # its readers (text, json, ...) datasets reads the files of the current directory.
        builder = load_dataset_builder(source.name, source.subset or None)
        files = [str(file) for named in (builder.config.data_files or {}).values() for file in named]
        if not all(map(on_hub, files)):
            raise DataError(
                f"data set {source.name!r} has files that are not its own on the hub, so it is not read; give another, or a "
                "JSONL file as `path`"
            )
        builder.download_and_prepare()
        rows = builder.as_dataset(split=split)
    except DataError:
        raise
    except Exception as error:  # datasets raises many kinds; all of them mean: this source cannot be had
        raise DataError(
            f"data set {source.name!r} (subset {source.subset or None!r}, split {split!r}) cannot be loaded: {error}; "
            "check the name and the network, or give `path` of a local JSONL file"
        ) from error
    wanted = rows if source.size is None else rows.select(range(min(source.size, len(rows))))
    return [
        jsonl.to_problem(row, f"{source.name}/{split}, row {i}", f"{source.name}/{split}/{i}", source.question, source.answer)
        for i, row in enumerate(wanted)
    ]


def on_hub(file: str) -> bool:
    """Whether a data set's file lies on the hub, perhaps in an archive there, such as `zip://inner.csv::hf://...`."""
    *inner, outer = file.split("::")
    return outer.startswith("hf://") and all(part.partition("://")[0] in ARCHIVES for part in inner)


def prompt(problem: Problem, data: DataConfig, conversational: bool) -> Prompt:
    """What the policy is given: a chat where the tokenizer has a template, else plain text."""
    text = f"{problem.question}\n{data.instruction}" if data.instruction else problem.question
    return [{"role": "user", "content": text}] if conversational else text


def begun(tokenizer: PreTrainedTokenizerBase, prompt_ids: list[list[int]]) -> list[str]:
    """What each rendered prompt's end already wrote of its completion, as core.replies.opened says."""
    tails = [tuple(ids[-TAIL_TOKENS:]) for ids in prompt_ids]
    distinct = list(dict.fromkeys(tails))
    texts = tokenizer.batch_decode([list(tail) for tail in distinct], skip_special_tokens=False)
    of_tail = dict(zip(distinct, map(opened, texts), strict=True))
    return [of_tail[tail] for tail in tails]


def texts(tokenizer: PreTrainedTokenizerBase, completion_ids: list[list[int]]) -> list[str]:
    """Completions as text without special tokens, save those that mark a thought: without them it would be an answer."""
    marks = {token for token in tokenizer.all_special_tokens if MARKS.fullmatch(token)}
    if not marks:
        return tokenizer.batch_decode(completion_ids, skip_special_tokens=True)
    left_out = {*tokenizer.all_special_ids} - {*tokenizer.convert_tokens_to_ids(sorted(marks))}
    kept = [[token for token in ids if token not in left_out] for ids in completion_ids]
    return tokenizer.batch_decode(kept, skip_special_tokens=False)


def rows(found: list[Problem], data: DataConfig, conversational: bool) -> Dataset:
    """Problems as the rows of a TRL data set."""
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
