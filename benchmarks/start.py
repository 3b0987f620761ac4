"""Where the time goes from a claim to the first stored step of the tiny demo: `python -m benchmarks.start
[--repeat N]`.

Read from the child's log, the run's history and the database, each start in a fresh data directory;
medians in seconds. As with a worker that has been up for a while: the training stack is imported before
the claim. SHOWDOWN_WARM=0 measures a start without that.
"""

import argparse
import os
import re
import threading
import time
from datetime import datetime
from statistics import median

from benchmarks.home import own_home
from core.common.settings import settings
from core.config import presets
from core.config.local_checks import settled
from core.config.run import RunConfig
from core.store.runs import claims, lifecycle, queries
from core.store.steps import evaluations
from worker.supervise import supervisor

IMPORTS = re.compile(r"^([-\d]+ [:\d]+),(\d+) showdown.train imports ([\d.]+) s", re.MULTILINE)
READY = re.compile(r"showdown.train ready after ([\d.]+) s")


def start(config: RunConfig) -> dict[str, float]:
    """Train to the first stored step, stop; seconds of each part."""
    supervisor.warm_up()
    while not supervisor.WARM.settled(1.0):
        pass
    run_id = lifecycle.create_run(config)
    claim = claims.claim(run_id, "benchmark", 60.0)
    assert claim is not None
    began = time.time()
    training = threading.Thread(target=supervisor.train_claimed, args=(claim,))
    training.start()
    evaluated = stored = 0.0
    while training.is_alive() and not stored:
        evaluated = evaluated or (time.time() if evaluations.evaluated(run_id, 0) else 0.0)
        stored = time.time() if queries.run_detail(run_id).row.step else 0.0
        time.sleep(0.005)
    lifecycle.request_stop(run_id)
    training.join()
    log = (settings().run_folder(run_id) / "train.log").read_text()
    found, ready = IMPORTS.search(log), READY.search(log)
    assert found and ready and stored, log[-2000:]
    imported = datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S").timestamp() + int(found[2]) / 1000
    child, imports, until_ready = imported - float(found[3]), float(found[3]), float(ready[1])
    return {
        "child started, its light half imported": child - began,
        "torch, transformers, trl, peft imported": imports,
        "data, model, trainer": until_ready - imports,
        "base model evaluated": evaluated - child - until_ready,
        "first step, until it is stored": stored - evaluated,
        "claim to first step": stored - began,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeat", type=int, default=3)
    config = settled(presets.preset("tiny-hybrid"))
    assert isinstance(config, RunConfig)
    took = []
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for _ in range(parser.parse_args().repeat):
        with own_home():
            took.append(start(config))
    for part in took[0]:
        print(f"  {part:<42} {median(t[part] for t in took):6.2f} s")


if __name__ == "__main__":
    main()
