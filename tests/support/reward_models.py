"""A random reward model of the tiny model's shape."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from worker import tiny


def save(folder: Path, **config: Any) -> Path:
    """A random reward model of the tiny model's shape, with its tokenizer."""
    torch.manual_seed(0)
    where = tiny.folder("tiny")
    made = AutoModelForSequenceClassification.from_config(
        AutoConfig.from_pretrained(where, **{"num_labels": 1, "dtype": "float32", **config})
    )
    torch.nn.init.normal_(made.score.weight, std=0.5)  # values far enough apart to tell samples apart
    made.save_pretrained(folder)
    AutoTokenizer.from_pretrained(where).save_pretrained(folder)
    return folder
