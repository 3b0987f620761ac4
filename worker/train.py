"""The training child: `python -m worker.train RUN ATTEMPT`, one run from its row to its adapter, top to bottom.

Started by worker.supervisor, which alone decides what the exit code means: 0 trained to the end, 3 stopped at a step
boundary with a checkpoint, 4 out of memory, 5 ended by a guard, anything else failed. `error.json` in the run's folder
says why.
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

from core.config import RunConfig
from core.errors import DataError, Fenced, OutOfMemory, ShowdownError, StoreUnavailable, TrainingError
from core.launch import packages_used
from core.settings import settings
from core.store import claims, records
from core.store.claims import Claim
from worker import gpus, memory, options, ranks, stall
from worker.children import GUARDED, OUT_OF_MEMORY, STOPPED
from worker.imports import EXTRAS, importing
from worker.journal import Journal, patiently
from worker.keeper import Keeper
from worker.outbox import Outbox

KEEP_ADAPTER_ONLY = shutil.ignore_patterns("*.pt", "*.pth", "*.bin", "trainer_state.json")
log = logging.getLogger("showdown.train")


class StopFlag:
    """Asked to stop by SIGTERM, or by the supervisor's death (its end of our standard input closes).

    After the supervisor's death nobody would end a process that hangs, and soon another may have its GPU: it has half a
    lease to end by itself.
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches us through the supervisor, as SIGTERM
        threading.Thread(target=self._watch_parent, daemon=True).start()

    def __call__(self) -> bool:
        stall.touch()
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
    """Leave the reason of an ending to the supervisor. The first process that says one is right: the others lost a partner."""
    part = folder / f"error-{ranks.rank()}.part"
    part.write_text(json.dumps({"kind": kind, "message": message}), encoding="utf-8")
    try:
        os.link(part, folder / "error.json")  # whole or not there: an empty one would keep the others from saying theirs
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        part.replace(folder / "error.json")
    part.unlink(missing_ok=True)


def train(run_id: int, attempt: int, stop: StopFlag) -> int:
    """The recipe. Returns the exit code."""
    began, folder = time.perf_counter(), settings().run_folder(run_id)
    journal = Outbox(folder, run_id, attempt)
    keeper = Keeper(folder, journal, stop)
    if ranks.first():
        patiently(journal.flush, stop)  # first what an earlier attempt kept: its checkpoint may be newer than the row says
    claim = patiently(lambda: claims.load_claim(run_id, attempt), stop)
    config, journal.limits, journal.announced = memory.fitted(claim.config, folder), claim.config.journal, claim.checkpoint_step
    try:
        with journal:  # left when every step is stored or kept
            return _train(claim, config, folder, journal, keeper, stop, began)
    except Exception as error:
        if memory.ran_out(error):
            raise OutOfMemory(f"out of memory: {memory.advice(config.grpo)} ({memory.said(error)})") from error
        raise


def _train(
    claim: Claim, config: RunConfig, folder: Path, journal: Journal, keeper: Keeper, stop: StopFlag, began: float
) -> int:
    options.check(config)
    # The training stack is imported here: a stop or a bad row before this point costs nothing.
    with importing(EXTRAS.difference(package for _, package, _ in packages_used(config))):
        from transformers import PrinterCallback, set_seed

        from worker import checkpoints, data, environment, finite, policy, trainer
        from worker.evaluate import Evaluator
        from worker.recorder import Recorder, StoppedEarly

    threads = environment.set_threads(claim.threads)  # before anything is computed
    log.info("imports %.1f s%s", time.perf_counter() - began, f"; {threads} CPU threads" if threads else "")
    train_problems = data.problems(config.data.train, "train")
    held_out = data.problems(config.data.eval, "eval")
    if len(train_problems) < config.grpo.prompts_per_step:
        raise DataError(
            f"{len(train_problems)} problems to train on are fewer than prompts_per_step {config.grpo.prompts_per_step}, "
            "so no step could be made; give more problems or a smaller prompts_per_step"
        )
    set_seed(config.seed)
    model, tokenizer = policy.load(config.model)
    model.register_forward_pre_hook(stall.touch)  # every generated token and every micro-batch
    rows = data.rows(train_problems, config.data, tokenizer.chat_template is not None)
    model_print, eval_print = environment.of_model(model), environment.of_problems(held_out)
    made = trainer.build(config, model, tokenizer, rows, folder)
    made.remove_callback(PrinterCallback)
    base_key = environment.base_key(config, model_print, eval_print)
    evaluator = Evaluator(made, held_out, config, base_key)
    recorder = Recorder(journal, made, evaluator, keeper, stop)
    made.add_callback(recorder)

    surroundings = environment.record(config, model_print, environment.of_problems(train_problems), eval_print)
    surroundings["begun"] = evaluator.begun[0]  # what the chat template writes of every completion: replay needs it
    resume, begin = ranks.from_first(lambda: _prepare(claim, keeper, surroundings, threads, stop))
    if resume is not None:
        made.engine.restore(json.loads(checkpoints.engine_file(resume).read_text(encoding="utf-8")))
    log.info("ready after %.1f s; %s", time.perf_counter() - began, f"resuming {resume.name}" if resume else "fresh start")
    if begin == config.grpo.max_steps and resume:
        if ranks.first():
            shutil.copytree(resume, folder / "adapter", dirs_exist_ok=True, ignore=KEEP_ADAPTER_ONLY)
            keeper.share_adapter(begin)
        return 0  # trained to the end before; the trainer would make one more step before it looks
    try:
        made.train(resume_from_checkpoint=str(resume) if resume else None)
    except StoppedEarly:
        pass
    except RuntimeError as error:
        raise finite.why_no_token(error, made.model, made.state.global_step) from error.__cause__
    if made.state.global_step < config.grpo.max_steps:
        return _early(folder, ranks.agree(recorder.guards.stopped), ranks.agree(stop()), made.state.global_step)
    with checkpoints.saving(folder / "adapter"):
        made.save_model(str(folder / "adapter"))
    if ranks.first():
        keeper.share_adapter(made.state.global_step)
    ranks.wait()
    return 0  # what the database still lacks is sent by the supervisor: this process gives its memory back at once


def _prepare(
    claim: Claim, keeper: Keeper, surroundings: Mapping[str, object], threads: int | None, stop: StopFlag
) -> tuple[Path | None, int]:
    """The checkpoint to go on from and its step, None and -1 without one. Everything after it is forgotten."""
    resume, begin = keeper.start(claim)
    patiently(lambda: records.rewind(claim.run_id, claim.attempt, begin), stop)
    first = threads if resume is None else claim.threads  # of the attempt that made the steps before the checkpoint
    stored = {**surroundings, "threads": first}
    patiently(lambda: records.write_environment(claim.run_id, claim.attempt, stored), stop)
    if first is not None and threads is not None and first != threads:
        message = (
            f"attempt {claim.attempt} computes with {threads} CPU threads, the attempts before it with {first}, "
            "which is too many for this machine: from this step on the last bits of its numbers differ"
        )
        log.warning(message)
        patiently(lambda: records.write_event(claim.run_id, claim.attempt, records.THREADS, message, begin + 1), stop)
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
    """Run the recipe; turn an exception into error.json, a traceback in the log, and exit code 1."""
    run_id, attempt = int(sys.argv[1]), int(sys.argv[2])
    who = "%(name)s" if ranks.count() == 1 else f"%(name)s rank {ranks.rank()}"
    # TRL 1.16 uses names that transformers 5.23 calls old, at every step: the log is for what its reader can change.
    warnings.filterwarnings("ignore", ".*gradient_checkpointing` is deprecated", FutureWarning)
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # at import it warns of what only 4 bits on a CPU would want
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
        what = str(error) if isinstance(error, ShowdownError) else f"{type(error).__name__}: {error}"
        with suppress(OSError):  # the disk may be full
            say(folder, type(error).__name__, what)
        with suppress(OSError):
            sys.stderr.write(traceback.format_exc())  # in one piece: several processes may write here
        return OUT_OF_MEMORY if isinstance(error, OutOfMemory) else 1


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # skips the teardown of a large interpreter; everything is written by now
