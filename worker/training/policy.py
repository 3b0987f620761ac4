"""Loads model and tokenizer from the config: a shipped model, a folder, or a hub name."""

import os
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from core.common.errors import ModelError, OutsideRoots
from core.config.run import SHIPPED_MODELS, ModelConfig
from core.files import data_roots, model_folders
from worker import tiny
from worker.training import options


def location(path: str) -> str:
    """Where a model is loaded from: a shipped folder, a folder's real path, or the hub name unchanged.

    Folders other than the shipped ones must lie under the data roots. Raises ModelError when a folder is
    missing or does not hold a usable model.
    """
    if path in SHIPPED_MODELS:
        return str(tiny.folder(path))
    if not data_roots.is_path(path):
        return path
    folder = folder_of(path, "model.path")
    if not os.path.exists(folder):
        raise ModelError(
            f"model path {path!r} does not exist; give a folder, a hub name, tiny or tiny-sparse"
        )
    if fault := model_folders.fault(folder):
        raise ModelError(f"model folder {path} {fault}")
    return str(folder)


def folder_of(path: str, field: str) -> Path:
    """The real path of a model's folder under the data roots; OutsideRoots elsewhere names the field."""
    try:
        return data_roots.folder(path)
    except OutsideRoots as error:
        raise OutsideRoots(f"{field}: {error}") from None


def dtype(config: ModelConfig) -> torch.dtype:
    """The floating-point type of the weights."""
    if config.dtype == "auto":
        return (
            torch.bfloat16 if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else torch.float32
        )
    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[config.dtype]


def load(config: ModelConfig) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The base model and its tokenizer, padding on the left. No code from the model's repository is run."""
    source = location(config.path)
    weight_dtype = dtype(config)
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, padding_side="left", trust_remote_code=False)
        model = AutoModelForCausalLM.from_pretrained(
            source,
            dtype=weight_dtype,
            trust_remote_code=False,
            **options.model_arguments(config, weight_dtype),
        )
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"model {config.path!r} cannot be loaded: {error}") from error
    options.keep_trainable(model)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model, tokenizer
