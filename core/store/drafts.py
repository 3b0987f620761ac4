"""Experiments being designed, kept so that nothing typed is lost. Called by app.cache (reads) and app.actions (writes).

Nothing in a draft is checked here: it may be wrong while it is typed.
"""

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from core.store.session import reading, writing
from core.store.tables import draft

KEPT_SECONDS = 90 * 86_400.0  # a draft that nobody wrote to for so long is let go


@dataclass(frozen=True)
class StoredDraft:
    """`config`: in the shape of an ExperimentConfig; `typed`: texts typed beside it; `version`: how often it was written."""

    id: str
    config: dict[str, Any]
    typed: dict[str, str]
    version: int
    updated_at: float


def load(draft_id: str) -> StoredDraft | None:
    with reading() as c:
        row = c.execute(select(draft).where(draft.c.id == draft_id)).first()
    return None if row is None else StoredDraft(**row._asdict())


def save(draft_id: str, config: dict[str, Any], typed: dict[str, str], version: int) -> bool:
    """Write version + 1 where `version` is what is stored (0: nothing yet). False: somebody else wrote in between.

    Drafts that nobody wrote to for 90 days are let go, this one never.
    """
    now = time.time()
    values = {"config": config, "typed": typed, "version": version + 1, "updated_at": now}
    with writing() as c:
        c.execute(delete(draft).where(draft.c.updated_at < now - KEPT_SECONDS, draft.c.id != draft_id))
        if version == 0:
            try:
                c.execute(insert(draft).values(id=draft_id, **values))
            except IntegrityError:
                return False
            return True
        here = (draft.c.id == draft_id, draft.c.version == version)
        return c.execute(update(draft).where(*here).values(**values)).rowcount == 1


def recent(limit: int = 6) -> list[StoredDraft]:
    """The drafts written last."""
    with reading() as c:
        return [StoredDraft(**r._asdict()) for r in c.execute(select(draft).order_by(draft.c.updated_at.desc()).limit(limit))]
