"""Launch an experiment: its settings, what is swept, the runs this makes and what they will take."""

from typing import Any

import streamlit as st

from app.data import actions, draft, reads
from app.text import labels
from app.views.queue.sweep import sweep
from app.views.shared.formula import idle_said
from app.views.shared.planned import planned
from app.widgets import forms, html
from core.common.config_model import descriptions
from core.common.errors import ConfigError
from core.config.experiment import ExperimentConfig
from core.config.grpo import GrpoConfig
from core.config.lint import cannot_act_in
from core.config.run import (
    CheckpointConfig,
    DataConfig,
    EvaluationConfig,
    LoraConfig,
    ModelConfig,
    RetryConfig,
)
from core.problems import arithmetic

MODELS = ["tiny", "tiny-sparse", "Qwen/Qwen3-4B"]
DATA = [arithmetic.NAME, "openai/gsm8k"]
MAIN = ["max_steps", "prompts_per_step", "num_generations", "learning_rate", "max_completion_length", "beta"]
ROOM = ["num_processes", "per_device_train_batch_size", "gradient_checkpointing", "use_liger_kernel"]
VLLM = [n for n in GrpoConfig.model_fields if "vllm" in n]
REST = [n for n in GrpoConfig.model_fields if n not in (*MAIN, *ROOM, *VLLM)]
WEIGHTS = [n for n in ModelConfig.model_fields if n not in ("path", "chat_template_kwargs")]
EVALUATION, KEPT, RETRY = (list(c.model_fields) for c in (EvaluationConfig, CheckpointConfig, RetryConfig))


def _settings(d: draft.Draft, faults: forms.Faults) -> None:
    run = d["run"]
    key = f"q{draft.edition()}"
    left_column, right_column = st.columns(2)
    with left_column:
        d["name"] = st.text_input("Name", d["name"], key=f"{key}-name", max_chars=120)
        faults.beside("name")
    with right_column:
        d["question"] = st.text_input(
            "Question", d["question"], key=f"{key}-question", placeholder="What does it ask?"
        )
    left_column, right_column = st.columns(2)
    with left_column:
        model_path = run["model"]["path"]
        options = MODELS if model_path in MODELS else [*MODELS, model_path]
        note = descriptions(ModelConfig)["path"]
        path = st.selectbox(
            "Model",
            options,
            options.index(model_path),
            accept_new_options=True,
            key=f"{key}-model",
            help=note,
        )
        run["model"] = {**run["model"], "path": path or ""}
        faults.beside("run.model", "model")
    with right_column:
        text = st.text_input(
            "Seeds",
            ", ".join(map(str, d["seeds"])),
            key=f"{key}-seeds",
            help="One run per arm and seed: `0, 1, 2` or `0-4`",
        )
        d["seeds"] = forms.seeds(text)
        faults.beside("seeds")
    run["grpo"] = forms.fields(GrpoConfig, MAIN, run["grpo"], f"{key}-grpo", columns=6)
    faults.beside("grpo")
    sweep(d, faults, key)
    for name, label, draw, paths in SECTIONS:
        # Closed sections are not drawn: sixty widgets that nobody sees cost the browser seconds. The draft
        # keeps their values.
        section = st.expander(label, on_change="rerun", key=f"open-{name}", bind="query-params")
        if section.open:
            with section:
                draw(run, faults, key)
        faults.beside(*paths)


def _data(run: dict[str, Any], faults: forms.Faults, key: str) -> None:
    left_column, right_column = st.columns(2)
    with left_column:
        html.head("Train")
        run["data"]["train"] = forms.source(run["data"]["train"], f"{key}-train", DATA)
        faults.beside("data.train")
    with right_column:
        html.head("Held out", "gold accuracy is measured on it")
        run["data"]["eval"] = forms.source(run["data"]["eval"], f"{key}-eval", DATA)
        faults.beside("data.eval")
    run["data"] = forms.fields(
        DataConfig, ["answer_rule", "instruction"], run["data"], f"{key}-data", columns=2
    )


def _evaluation(run: dict[str, Any], faults: forms.Faults, key: str) -> None:
    run["evaluation"] = forms.fields(
        EvaluationConfig, EVALUATION, run["evaluation"], f"{key}-evaluation", columns=5
    )
    faults.beside("evaluation")
    html.head("Checkpoints", "a stop always writes one")
    run["checkpoint"] = forms.fields(
        CheckpointConfig, KEPT, run["checkpoint"], f"{key}-checkpoint", columns=3
    )


def _more(run: dict[str, Any], _faults: forms.Faults, key: str) -> None:
    run["grpo"] = forms.fields(GrpoConfig, REST, run["grpo"], f"{key}-grpo", columns=4)


def _room(run: dict[str, Any], faults: forms.Faults, key: str) -> None:
    run["grpo"] = forms.fields(GrpoConfig, ROOM, run["grpo"], f"{key}-grpo", columns=4)
    faults.beside(*_paths("grpo", ROOM))
    run["retry"] = forms.fields(RetryConfig, RETRY, run["retry"], f"{key}-retry", columns=1)
    html.head("Weights", "transformers' names")
    run["model"] = forms.fields(ModelConfig, WEIGHTS, run["model"], f"{key}-model", columns=4)
    faults.beside(*_paths("model", WEIGHTS))
    html.head("vLLM", "generates for the training; evaluations keep transformers' own")
    run["grpo"] = forms.fields(GrpoConfig, VLLM, run["grpo"], f"{key}-grpo", columns=4)


def _lora(run: dict[str, Any], _faults: forms.Faults, key: str) -> None:
    names = [n for n in LoraConfig.model_fields if n != "target_modules"]
    run["lora"] = forms.fields(LoraConfig, names, run["lora"], f"{key}-lora", columns=3)


def _paths(group: str, names: list[str]) -> tuple[str, ...]:
    return tuple(f"{group}.{name}" for name in names)


SECTIONS = (  # name, label, what draws it, whose faults stand under it
    ("data", "Data: what is trained on, what is held out", _data, ("data",)),
    ("evaluation", "Evaluation and checkpoints", _evaluation, ("evaluation", "checkpoint")),
    ("grpo", "More of GRPO, under TRL's names", _more, _paths("grpo", REST)),
    (
        "room",
        "Memory and speed",
        _room,
        ("retry", *_paths("grpo", [*ROOM, *VLLM]), *_paths("model", WEIGHTS)),
    ),
    ("lora", "LoRA, under peft's names", _lora, ("lora",)),
)


def launch_card() -> None:
    """Draw the form, the runs it makes, and the button."""
    d = draft.get()
    launch_faults: draft.Faults = st.session_state.pop("launch-faults", [])
    faults = forms.Faults()
    with st.container(key="card-launch"):
        html.head("Launch an experiment", "arms × seeds × what is swept; all else is the same in every run")
        draft.say_missing()
        _settings(d, faults)
        config, draft_faults = draft.check(d)
        faults.beside("arms")
        if config:
            planned(config)
            if cannot := [
                (", ".join(filter(None, (who, place))), message)
                for who, place, message in cannot_act_in(config)
            ]:
                idle_said(cannot)
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container(width="stretch"):
                arms = ", ".join(a["name"] for a in d["arms"])
                html.note(f"Arms: {arms}. Their mixes are drawn on the Design page.")
            st.page_link("views/design/page.py", label="Edit the mixes", icon=":material/tune:")
            label = f"Queue {labels.count(len(config.runs()), 'run')}" if config else "Queue"
            if (
                st.button(label, type="primary", icon=":material/play_arrow:", disabled=config is None)
                and config
            ):
                _launch(config)
        faults.fill(draft_faults + launch_faults)


def _launch(config: ExperimentConfig) -> None:
    try:
        _, run_ids, warning = actions.launch(config)
    except ConfigError as error:
        st.session_state["launch-faults"] = error.problems
        st.rerun()
    st.toast(
        html.plain(warning) or f"Queued {labels.count(len(run_ids), 'run')}.",
        icon=":material/warning:" if warning else ":material/check:",
    )
    reads.forget_runs()
