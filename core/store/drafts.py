"""Experiments being designed, kept so that nothing typed is lost. Called by app.cache (reads) and app.actions (writes).

Nothing in a draft is checked here but its shape: it may be wrong while it is typed. One of another shape is not there.
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
    return None if row is None or not _is_draft(row.config) else StoredDraft(**row._asdict())


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
        rows = c.execute(select(draft).order_by(draft.c.updated_at.desc()).limit(limit))
        return [StoredDraft(**r._asdict()) for r in rows if _is_draft(r.config)]


def _is_draft(values: Any) -> bool:
    """It has the shape of an ExperimentConfig, as far as every page looks at it. A row changed by hand may not."""
    match values:
        case {"name": str(), "seeds": list(), "arms": [_, *_] as arms, "run": dict()}:
            return all(_is_arm(arm) for arm in arms)
    return False


def _is_arm(values: Any) -> bool:
    match values:
        case {"name": str(), "mix": {"terms": list() as terms}}:
            return all(isinstance(t, dict) and isinstance(t.get("component"), str) for t in terms)
    return False
