"""Saved mixes: rows are added and never changed; a change is a new version."""

import json
import re
import time
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from core.common.errors import ConfigError
from core.common.messages import NAME, no_name
from core.config.parsing import parse
from core.rewards.mix import Mix
from core.store.schema import run, saved_mix
from core.store.session import reading, writing
from core.store.transitions import new_id

TRIES = 5  # attempts at a version number that others may take at the same moment
MOST_RUNS = 2000  # the newest runs, whose mixes are compared


@dataclass(frozen=True)
class SavedMix:
    """One version of a mix.

    `config`: the mix with every default. `parent_id`: the version from which it was made.
    """

    id: int
    name: str
    version: int
    hash: str
    config: dict[str, Any]
    parent_id: int | None
    created_at: float

    @property
    def title(self) -> str:
        return f"{self.name} v{self.version}"


def save(name: str, mix: Mix, parent_id: int | None = None) -> SavedMix:
    """Save the mix as the next version of `name`, or return the newest version if the mix equals it."""
    if not re.fullmatch(NAME, name):
        raise ConfigError([("name", no_name("the name of a mix", name))])
    for _ in range(TRIES):
        last = _newest(name)
        if last is not None and last.hash == mix.hash():
            return last
        values: dict[str, Any] = {
            "name": name,
            "version": last.version + 1 if last else 1,
            "hash": mix.hash(),
            "config": mix.resolved(),
            "parent_id": parent_id or (last.id if last else None),
            "created_at": time.time(),
        }
        try:
            with writing() as c:
                return SavedMix(id=new_id(c.execute(insert(saved_mix).values(**values))), **values)
        except IntegrityError:
            continue
    raise ConfigError(
        [("name", f"others save versions of {name!r} faster than this one can be numbered; try again")]
    )


def _newest(name: str) -> SavedMix | None:
    with reading() as c:
        row = c.execute(
            select(saved_mix).where(saved_mix.c.name == name).order_by(saved_mix.c.version.desc()).limit(1)
        ).first()
    return None if row is None else SavedMix(**row._asdict())


def saved(limit: int = 500) -> list[SavedMix]:
    """All versions of all mixes, newest first."""
    with reading() as c:
        return [
            SavedMix(**r._asdict())
            for r in c.execute(select(saved_mix).order_by(saved_mix.c.id.desc()).limit(limit))
        ]


def used_by() -> dict[str, tuple[int, ...]]:
    """Hash of a mix -> ids of the runs that train it, newest first."""
    with reading() as c:
        rows = c.execute(
            select(run.c.id, run.c.config["mix"].label("mix")).order_by(run.c.id.desc()).limit(MOST_RUNS)
        ).all()
    run_ids_by_hash: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        run_ids_by_hash[_hash(json.dumps(row.mix, sort_keys=True))].append(row.id)
    return {key: tuple(ids) for key, ids in run_ids_by_hash.items()}


@lru_cache(maxsize=1024)
def _hash(text: str) -> str:
    """The hash of a stored mix with today's defaults; empty when it can no longer be read."""
    try:
        return parse(Mix, json.loads(text)).hash()
    except ConfigError:
        return ""
