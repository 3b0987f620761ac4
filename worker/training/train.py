"""The training child: `python -m worker.training.train RUN ATTEMPT` trains one run, from row to adapter.

worker.supervise.supervisor starts it and alone interprets its exit code: 0 trained to the end, 3 stopped at a
step boundary with a checkpoint, 4 out of memory, 5 ended by a guard, anything else failed. `error.json` in
the run's folder says why.
"""

import json
import logging
import os
import shutil
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from core.common.errors import DataError, Fenced, OutOfMemory, ShowdownError, StoreUnavailable, TrainingError
from core.common.settings import settings
from core.config.local_checks import packages_used
from core.config.run import RunConfig
from core.store.runs import claims
from core.store.runs.claims import Claim
from core.store.steps import records
from worker.common import gpus, liveness, out_of_memory
from worker.common.exit_codes import GUARDED, OUT_OF_MEMORY, STOPPED
from worker.common.imports import EXTRAS, importing
from worker.state.background_writer import Outbox
from worker.state.checkpoint_manager import Keeper
from worker.state.journal import Journal, patiently
from worker.training import distributed, options

if TYPE_CHECKING:
    from worker.training.trainer import ShowdownTrainer

KEEP_ADAPTER_ONLY = shutil.ignore_patterns("*.pt", "*.pth", "*.bin", "trainer_state.json")
log = logging.getLogger("showdown.train")


class StopFlag:
    """Set by SIGTERM, or by the supervisor's death (its end of our standard input closes).

    After the supervisor's death nobody would end a process that hangs, and soon another run may have its GPU,
    so the process gets half a lease to end by itself.
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches us through the supervisor, as SIGTERM
        threading.Thread(target=self._watch_parent, daemon=True).start()

    def __call__(self) -> bool:
        liveness.touch()
        return self._event.is_set()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._event.set()

    def _watch_parent(self) -> None:
        while sys.stdin.buffer.read(1):
            pass
        self._event.set()
        time.sleep(min(settings().stop_grace_seconds, settings().lease_seconds / 2))
        os._exit(STOPPED)


def say(folder: Path, kind: str, message: str) -> None:
    """Write the reason of an ending to error.json, for the supervisor.

    The first process to write one is right: the others only lost a partner.
    """
    part = folder / f"error-{distributed.rank()}.part"
    part.write_text(json.dumps({"kind": kind, "message": message}), encoding="utf-8")
    try:
        # complete or absent: an empty file would keep the others from writing theirs
        os.link(part, folder / "error.json")
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        part.replace(folder / "error.json")
    part.unlink(missing_ok=True)


def train(run_id: int, attempt: int, stop: StopFlag) -> int:
    """Train one attempt of a run; returns the exit code."""
    began = time.perf_counter()
    folder = settings().run_folder(run_id)
    journal = Outbox(folder, run_id, attempt)
    keeper = Keeper(folder, journal, stop)
    if distributed.first():
        # first the earlier attempt's journal: its checkpoint may be newer than the row says
        patiently(journal.flush, stop)
    claim = patiently(lambda: claims.load_claim(run_id, attempt), stop)
    config = out_of_memory.fitted(claim.config, folder)
    journal.limits = claim.config.journal
    journal.announced = claim.checkpoint_step
    try:
        with journal:  # ends when every step is in the database or in the file
            return _train(claim, config, folder, journal, keeper, stop, began)
    except Exception as error:
        if out_of_memory.ran_out(error):
            raise OutOfMemory(
                f"out of memory: {out_of_memory.advice(config.grpo)} ({out_of_memory.said(error)})"
            ) from error
        raise


def _refuse_too_few(n: int, prompts_per_step: int) -> None:
    if n < prompts_per_step:
        raise DataError(
            f"{n} problems to train on are fewer than prompts_per_step {prompts_per_step}, so no step could "
            "be made; give more problems or a smaller prompts_per_step"
        )


def _train(
    claim: Claim,
    config: RunConfig,
    folder: Path,
    journal: Journal,
    keeper: Keeper,
    stop: StopFlag,
    began: float,
) -> int:
    options.check(config)
    # The training stack is imported only here, so that a stop or a bad row before this point costs nothing.
    with importing(EXTRAS.difference(package for _, package, _ in packages_used(config))):
        from transformers import PrinterCallback, set_seed

        from worker.state import checkpoints
        from worker.training import data, policy, provenance, trainer
        from worker.training.evaluate import Evaluator
        from worker.training.recorder import Recorder

    threads = provenance.set_threads(claim.threads)  # before anything is computed
    log.info("imports %.1f s%s", time.perf_counter() - began, f"; {threads} CPU threads" if threads else "")
    train_problems = data.problems(config.data.train, "train")
    held_out = data.problems(config.data.eval, "eval")
    _refuse_too_few(len(train_problems), config.grpo.prompts_per_step)
    set_seed(config.seed)
    model, tokenizer = policy.load(config.model)
    model.register_forward_pre_hook(liveness.touch)  # at every generated token and every micro-batch
    rows = data.rows(train_problems, config.data, tokenizer.chat_template is not None)
    model_print = provenance.of_model(model)
    eval_print = provenance.of_problems(held_out)
    grpo_trainer = trainer.build(config, model, tokenizer, rows, folder)
    grpo_trainer.remove_callback(PrinterCallback)
    base_key = provenance.base_key(config, model_print, eval_print)
    evaluator = Evaluator(grpo_trainer, held_out, config, base_key)
    recorder = Recorder(journal, grpo_trainer, evaluator, keeper, stop)
    grpo_trainer.add_callback(recorder)

    surroundings = provenance.record(config, model_print, provenance.of_problems(train_problems), eval_print)
    surroundings["begun"] = evaluator.begun[0]  # the template's start of every completion: replay needs it
    resume, begin = distributed.from_first(lambda: _prepare(claim, keeper, surroundings, threads, stop))
    if resume is not None:
        grpo_trainer.engine.restore(json.loads(checkpoints.engine_file(resume).read_text(encoding="utf-8")))
    beginning = f"resuming {resume.name}" if resume else "fresh start"
    log.info("ready after %.1f s; %s", time.perf_counter() - began, beginning)
    if begin == config.grpo.max_steps and resume:
        if distributed.first():
            shutil.copytree(resume, folder / "adapter", dirs_exist_ok=True, ignore=KEEP_ADAPTER_ONLY)
            keeper.share_adapter(begin)
        return 0  # was trained to the end already; the trainer would make one more step before it checks
    _train_on(grpo_trainer, resume)
    if grpo_trainer.state.global_step < config.grpo.max_steps:
        guarded = distributed.agree(recorder.guards.stopped)
        stopped = distributed.agree(stop())
        return _early(folder, guarded, stopped, grpo_trainer.state.global_step)
    with checkpoints.saving(folder / "adapter"):
        grpo_trainer.save_model(str(folder / "adapter"))
    if distributed.first():
        keeper.share_adapter(grpo_trainer.state.global_step)
    distributed.wait()
    return 0  # the supervisor sends what the database still lacks: this process frees its memory at once


def _train_on(trainer: "ShowdownTrainer", resume: Path | None) -> None:
    """Train from the checkpoint, or from the first step, until the last step or a stop."""
    from worker.training import nan_checks
    from worker.training.recorder import StoppedEarly

    try:
        trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    except StoppedEarly:
        pass
    except RuntimeError as error:
        raise nan_checks.why_no_token(error, trainer.model, trainer.state.global_step) from error.__cause__


def _prepare(
    claim: Claim, keeper: Keeper, surroundings: Mapping[str, object], threads: int | None, stop: StopFlag
) -> tuple[Path | None, int]:
    """The checkpoint to resume from and its step; None and -1 without one. Removes everything after it."""
    resume, begin = keeper.start(claim)
    patiently(lambda: records.rewind(claim.run_id, claim.attempt, begin), stop)
    # the number of the attempt that made the steps before the checkpoint
    first = threads if resume is None else claim.threads
    stored = {**surroundings, "threads": first}
    patiently(lambda: records.write_environment(claim.run_id, claim.attempt, stored), stop)
    if first is not None and threads is not None and first != threads:
        message = (
            f"attempt {claim.attempt} computes with {threads} CPU threads, "
            f"the attempts before it with {first}, which is too many for this machine: "
            "from this step on the last bits of its numbers differ"
        )
        log.warning(message)
        patiently(
            lambda: records.write_event(claim.run_id, claim.attempt, records.THREADS, message, begin + 1),
            stop,
        )
    patiently(lambda: claims.mark_running(claim.run_id, claim.attempt), stop)
    return resume, begin


def _early(folder: Path, guard: str | None, stopped: bool, step: int) -> int:
    """The exit code of a training that has ended before its last step."""
    if guard:
        say(folder, "Guard", guard)
        return GUARDED
    if stopped:
        return STOPPED
    raise TrainingError(f"the trainer ended by itself at step {step}, before its last")


def main() -> int:
    """Train the run; turn an exception into error.json, a traceback in the log, and an exit code."""
    run_id = int(sys.argv[1])
    attempt = int(sys.argv[2])
    who = "%(name)s" if distributed.count() == 1 else f"%(name)s rank {distributed.rank()}"
    # TRL 1.16 uses names that transformers 5.23 reports as deprecated at every step; the log is for what its
    # reader can change.
    warnings.filterwarnings("ignore", ".*gradient_checkpointing` is deprecated", FutureWarning)
    # its warning on import matters only for 4 bits on a CPU
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    logging.basicConfig(level=logging.INFO, format=f"%(asctime)s {who} %(message)s", stream=sys.stderr)
    cards = [f"{name}={os.environ[name]}" for name in gpus.VARIABLES if name in os.environ]
    log.info("process %d %s", os.getpid(), " ".join(cards))
    stop = StopFlag()
    folder = settings().run_folder(run_id)
    try:
        return train(run_id, attempt, stop)
    except Fenced as error:
        log.warning("%s", error)
        return STOPPED
    except BaseException as error:
        if isinstance(error, StoreUnavailable) and stop():
            return STOPPED
        message = str(error) if isinstance(error, ShowdownError) else f"{type(error).__name__}: {error}"
        with suppress(OSError):  # the disk may be full
            say(folder, type(error).__name__, message)
        with suppress(OSError):
            sys.stderr.write(traceback.format_exc())  # in one call: several processes may write here
        return OUT_OF_MEMORY if isinstance(error, OutOfMemory) else 1


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # skip the teardown of a large interpreter; everything is written by now
