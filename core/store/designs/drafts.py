"""Stores experiments that are being designed, so that no typed text is lost.

Only the shape of a draft is checked here, since its values may be wrong while a user is typing. A stored
draft of another shape is treated as missing.
"""

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from core.store.schema import draft
from core.store.session import reading, writing

KEPT_SECONDS = 90 * 86_400.0  # a draft that nobody has written to for this long is deleted


@dataclass(frozen=True)
class StoredDraft:
    """A draft as it is stored.

    `config`: in the shape of an ExperimentConfig. `typed`: texts that were typed beside it. `version`: how
    often it has been written.
    """

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
    """Write version + 1 if `version` is the stored one (0: none yet); False if somebody wrote in between.

    Other drafts that nobody has written to for 90 days are deleted.
    """
    now_seconds = time.time()
    values = {"config": config, "typed": typed, "version": version + 1, "updated_at": now_seconds}
    with writing() as c:
        c.execute(
            delete(draft).where(draft.c.updated_at < now_seconds - KEPT_SECONDS, draft.c.id != draft_id)
        )
        if version == 0:
            try:
                c.execute(insert(draft).values(id=draft_id, **values))
            except IntegrityError:
                return False
            return True
        conditions = (draft.c.id == draft_id, draft.c.version == version)
        return c.execute(update(draft).where(*conditions).values(**values)).rowcount == 1


def recent(limit: int = 6) -> list[StoredDraft]:
    """The most recently written drafts, newest first."""
    with reading() as c:
        rows = c.execute(select(draft).order_by(draft.c.updated_at.desc()).limit(limit))
        return [StoredDraft(**r._asdict()) for r in rows if _is_draft(r.config)]


def _is_draft(values: Any) -> bool:
    """Whether a value has the parts of an ExperimentConfig's shape that every page relies on.

    A row that was changed by hand may not.
    """
    match values:
        case {"name": str(), "seeds": list(), "arms": [_, *_] as arms, "run": dict()}:
            return all(_is_arm(arm) for arm in arms)
    return False


def _is_arm(values: Any) -> bool:
    match values:
        case {"name": str(), "mix": {"terms": list() as terms}}:
            return all(isinstance(t, dict) and isinstance(t.get("component"), str) for t in terms)
    return False
