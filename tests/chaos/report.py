"""What was done and what came of it: a log of blows while it goes on, a table of counts in the end."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from core.store.runs import queries
from tests.chaos.conftest import Chaos
from tests.chaos.ledger import Difference, Ledger
from tests.chaos.operator import Operator
from tests.chaos.storm import Storm

# of runs, that are counted
EVENTS = ("resumed", "lost", "caught up", "checkpoint damaged", "checkpoint lost", "base")
TABLES = {
    "point": "metric values", "sample": "samples", "score": "scores", "evaluation": "evaluations",
    "evaluation_item": "problems of evaluations", "event": "events of steps, and ends", "adapter": "adapters",
}  # fmt: skip
LAST_BYTES = 4000  # of each log, where a test fails


class Report:
    """Printed, and kept in `chaos.report` where that is given: <name>.log and <name>.txt."""

    def __init__(self, name: str, chaos: Chaos) -> None:
        self.name, self.chaos, self.began = name, chaos, time.monotonic()
        if chaos.report:
            chaos.report.mkdir(parents=True, exist_ok=True)
        self.say(
            f"seed {chaos.seed}: --chaos-seed {chaos.seed} --chaos-minutes {chaos.minutes:g} draws the same blows"
        )

    def say(self, line: str) -> None:
        """One line, with the seconds since the beginning."""
        self._write(".log", f"{time.monotonic() - self.began:8.1f} {line}")

    def count(
        self, storm: Storm, operator: Operator, ends: Counter[str], straight: Mapping[tuple[str, int], Ledger],
        differences: Mapping[int, Mapping[str, Difference]],
    ) -> None:  # fmt: skip
        """The table."""
        ids = [row.id for row in operator.rows]
        kinds = Counter(event.kind for run_id in ids for event in queries.events(run_id))
        by_hand = Counter(kind for (_, kind), n in operator.resumed.items() for _ in range(n))
        whole = [straight[row.arm, row.seed] for row in operator.rows]
        table: list[tuple[str, object]] = [("database", self.name), ("seed", self.chaos.seed)]
        table += [("minutes of blows", self.chaos.minutes or "short")]
        table += [(f"{part}: {action}", n) for (part, action), n in sorted(storm.counts.items())]
        table += [
            ("blows in all", storm.counts.total()),
            ("blows that met nothing", storm.missed),
            *sorted(ends.items()),
        ]
        table += [("runs", len(ids)), ("attempts", sum(row.attempt for row in operator.rows))]
        table += [(f"events “{kind}”", kinds[kind]) for kind in EVENTS]
        table += [(f"resumed by hand after {kind}", n) for kind, n in sorted(by_hand.items())]
        table += [("steps compared", sum(each.steps() for each in whole))]
        for name, title in TABLES.items():
            found = [tables[name] for tables in differences.values()]
            total = (
                sum(len(d.lost) for d in found),
                sum(len(d.doubled) for d in found),
                sum(len(d.changed) for d in found),
            )
            table += [(f"{title} compared", sum(each.count(name) for each in whole))]
            table += [(f"{title} lost / doubled / different", " / ".join(map(str, total)))]
        for name, value in table:
            self._write(".txt", f"{name:<60} {value}")

    def fail(self, storm: Storm, operator: Operator, logs: Iterable[Path]) -> None:
        """What may say why: the states of runs and the end of every log."""
        for (part, action), n in sorted(storm.counts.items()):
            self.say(f"{part}: {action} {n}")
        for row in operator.rows:
            self.say(
                f"run {row.id} {row.arm} seed {row.seed}: {row.status}, attempt {row.attempt}, step {row.step}"
            )
        for path in logs:
            self.say(f"--- {path}\n{_end(path)}")

    def _write(self, suffix: str, line: str) -> None:
        print(line)
        if self.chaos.report:
            with (self.chaos.report / f"chaos-{self.name}{suffix}").open("a", encoding="utf-8") as file:
                file.write(line + "\n")


def _end(path: Path) -> str:
    try:
        return path.read_bytes()[-LAST_BYTES:].decode(errors="replace")
    except OSError:
        return ""
