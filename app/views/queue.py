"""Queue: launch an experiment (arms x seeds), see what waits and runs, one cell a run."""

import streamlit as st

from app import actions, cache, draft, forms, prose, theme, words
from core.config import (
    CheckpointConfig,
    DataConfig,
    EvaluationConfig,
    ExperimentConfig,
    LoraConfig,
    ModelConfig,
    RetryConfig,
)
from core.errors import ConfigError
from core.grpo import GrpoConfig
from core.problems import arithmetic
from core.store.queries import ExperimentRow, RunRow
from core.store.states import Status

MODELS = ["tiny", "tiny-sparse", "Qwen/Qwen3-4B"]
DATA = [arithmetic.NAME, "openai/gsm8k"]
MAIN = ["max_steps", "prompts_per_step", "num_generations", "learning_rate", "max_completion_length", "beta"]
ROOM = ["num_processes", "per_device_train_batch_size", "gradient_checkpointing", "use_liger_kernel"]
VLLM = [n for n in GrpoConfig.model_fields if "vllm" in n]
REST = [n for n in GrpoConfig.model_fields if n not in (*MAIN, *ROOM, *VLLM)]
WEIGHTS = [n for n in ModelConfig.model_fields if n not in ("path", "chat_template_kwargs")]
EVALUATION, KEPT, RETRY = (list(c.model_fields) for c in (EvaluationConfig, CheckpointConfig, RetryConfig))
TICK_SECONDS = 2.0
SHOWN, MOST_CELLS = 20, 40


def _settings(d: draft.Draft, faults: forms.Faults) -> None:
    run, key = d["run"], f"q{draft.edition()}"
    left, right = st.columns(2)
    with left:
        d["name"] = st.text_input("Name", d["name"], key=f"{key}-name", max_chars=120)
        faults.beside("name")
    with right:
        d["question"] = st.text_input("Question", d["question"], key=f"{key}-question", placeholder="What does it ask?")
    left, right = st.columns(2)
    with left:
        now = run["model"]["path"]
        options = MODELS if now in MODELS else [*MODELS, now]
        note = ModelConfig.model_fields["path"].description
        path = st.selectbox("Model", options, options.index(now), accept_new_options=True, key=f"{key}-model", help=note)
        run["model"] = {**run["model"], "path": path or ""}
        faults.beside("run.model", "model")
    with right:
        text = st.text_input(
            "Seeds", ", ".join(map(str, d["seeds"])), key=f"{key}-seeds", help="One run per arm and seed: `0, 1, 2` or `0-4`"
        )
        d["seeds"] = forms.seeds(text)
        faults.beside("seeds")
    run["grpo"] = forms.fields(GrpoConfig, MAIN, run["grpo"], f"{key}-grpo", columns=6)
    faults.beside("grpo")
    with st.expander("Data: what is trained on, what is held out"):
        left, right = st.columns(2)
        with left:
            prose.head("Train")
            run["data"]["train"] = forms.source(run["data"]["train"], f"{key}-train", DATA)
            faults.beside("data.train")
        with right:
            prose.head("Held out", "gold accuracy is measured on it")
            run["data"]["eval"] = forms.source(run["data"]["eval"], f"{key}-eval", DATA)
            faults.beside("data.eval")
        run["data"] = forms.fields(DataConfig, ["answer_rule", "instruction"], run["data"], f"{key}-data", columns=2)
    with st.expander("Evaluation and checkpoints"):
        run["evaluation"] = forms.fields(EvaluationConfig, EVALUATION, run["evaluation"], f"{key}-evaluation", columns=5)
        faults.beside("evaluation")
        prose.head("Checkpoints", "a stop always writes one")
        run["checkpoint"] = forms.fields(CheckpointConfig, KEPT, run["checkpoint"], f"{key}-checkpoint", columns=3)
        faults.beside("checkpoint")
    with st.expander("More of GRPO, under TRL's names"):
        run["grpo"] = forms.fields(GrpoConfig, REST, run["grpo"], f"{key}-grpo", columns=4)
    with st.expander("Memory and speed"):
        run["grpo"] = forms.fields(GrpoConfig, ROOM, run["grpo"], f"{key}-grpo", columns=4)
        run["retry"] = forms.fields(RetryConfig, RETRY, run["retry"], f"{key}-retry", columns=1)
        prose.head("Weights", "transformers' names")
        run["model"] = forms.fields(ModelConfig, WEIGHTS, run["model"], f"{key}-model", columns=4)
        prose.head("vLLM", "generates for the training; evaluations keep transformers' own")
        run["grpo"] = forms.fields(GrpoConfig, VLLM, run["grpo"], f"{key}-grpo", columns=4)
    with st.expander("LoRA, under peft's names"):
        names = [n for n in LoraConfig.model_fields if n != "target_modules"]
        run["lora"] = forms.fields(LoraConfig, names, run["lora"], f"{key}-lora", columns=3)
        faults.beside("lora")


def _preview(config: ExperimentConfig) -> None:
    rows = [
        {"arm": r.name, "structure": r.mix.structure, "seed": r.seed, "steps": r.grpo.max_steps,
         "completions": r.grpo.max_steps * r.grpo.completions_per_step, "config": r.hash()}
        for r in config.runs()
    ]  # fmt: skip
    with st.expander(f"The {len(rows)} runs that will be queued"):
        st.dataframe(rows, hide_index=True, alt="The runs that will be queued")


def _launch_card() -> None:
    d = draft.get()
    here: draft.Faults = st.session_state.pop("launch-faults", [])
    faults = forms.Faults()
    with st.container(key="card-launch"):
        prose.head("Launch an experiment", "arms × seeds; everything but the mix is the same in every arm")
        _settings(d, faults)
        config, found = draft.check(d)
        arms = ", ".join(a["name"] for a in d["arms"])
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container(width="stretch"):
                st.caption(f"Arms: {arms}. Their mixes are drawn on the Design page.")
            st.page_link("views/design.py", label="Edit the mixes", icon=":material/tune:")
            count = len(config.runs()) if config else 0
            label = f"Queue {count} run{'' if count == 1 else 's'}" if config else "Queue"
            if st.button(label, type="primary", icon=":material/play_arrow:", disabled=config is None) and config:
                _launch(config)
        faults.fill(found + here)
        if config:
            _preview(config)


def _launch(config: ExperimentConfig) -> None:
    try:
        _, run_ids, warning = actions.launch(config)
    except ConfigError as error:
        st.session_state["launch-faults"] = error.problems
        st.rerun()
    st.toast(warning or f"Queued {len(run_ids)} runs.", icon=":material/warning:" if warning else ":material/check:")
    cache.forget_runs()


def _cell(r: RunRow) -> None:
    label, tone = words.STATUS[r.status]
    accuracy = "" if r.accuracy is None else f" · gold {r.accuracy:.0%}"
    with st.container(key=f"card-run-{r.id}", gap="small"):
        prose.head(f"{r.arm}, seed {r.seed}", f"run {r.id}", tick=theme.arm_role(r.structure), chips=[prose.chip(label, tone)])
        prose.progress(r.step, r.max_steps, accuracy.removeprefix(" · "), "")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.page_link("views/run.py", label="Open", icon=":material/monitoring:", query_params={"run": str(r.id)})
            if not r.status.finished and st.button("Stop", key=f"stop-{r.id}", type="tertiary", disabled=r.stop_requested):
                st.toast(actions.stop(r.id))
                cache.forget_runs()
                st.rerun()
            if r.status in (Status.FAILED, Status.STOPPED) and st.button("Resume", key=f"resume-{r.id}", type="tertiary"):
                st.toast(actions.requeue(r.id))
                cache.forget_runs()
                st.rerun()
        if r.error_message:
            prose.fault(f"{r.error_kind}: {r.error_message}")


def _experiment(e: ExperimentRow, runs: list[RunRow]) -> None:
    steps, of = sum(r.step for r in runs), sum(r.max_steps for r in runs)
    done = sum(r.status.finished for r in runs)
    with st.container(key=f"card-experiment-{e.id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container(width="stretch"):
                prose.head(e.name, e.question)
            if done < len(runs) and st.button(
                "Stop all", key=f"stop-all-{e.id}", type="tertiary", icon=":material/stop_circle:"
            ):
                st.toast(actions.stop_experiment(e.id))
                cache.forget_runs()
                st.rerun()
        prose.progress(steps, of, f"{done} of {len(runs)} runs finished", f"queued {words.ago(e.created_at)}")
        with st.grid(4, min_column_width=230):
            for r in reversed(runs):
                _cell(r)


def _live() -> None:
    rows = cache.run_list()
    if any(r.status == Status.QUEUED for r in rows) and not cache.machines():
        st.info("No worker listens. Start one: `showdown worker`.", icon=":material/info:")
    experiments = cache.experiments()
    if not experiments and not rows:
        with st.container(key="card-empty"):
            prose.empty("Nothing is queued", "Design a mix, or queue the experiment above as it is.")
    for e in experiments[:SHOWN]:
        _experiment(e, cache.run_list(e.id))
    if len(experiments) > SHOWN:
        st.caption(f"The newest {SHOWN} of {len(experiments)} experiments; every run is on the Runs page.")
    alone = [r for r in rows if r.experiment_id is None]
    if alone:
        with st.container(key="card-alone"):
            prose.head("Runs of their own", "submitted one by one")
            with st.grid(4, min_column_width=230):
                for r in alone[:MOST_CELLS]:
                    _cell(r)
            if len(alone) > MOST_CELLS:
                st.caption(f"The newest {MOST_CELLS} of {len(alone)}; every run is on the Runs page.")


def main() -> None:
    prose.title("Queue", sub="Launch an experiment, and watch what waits and runs.")
    _launch_card()
    live = any(not r.status.finished for r in cache.run_list())
    prose.section(None, "Experiments")
    st.fragment(_live, run_every=TICK_SECONDS if live else None, key="queue-live")()


main()
