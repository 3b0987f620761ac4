"""Sign-ins that users have ended, so that a kept copy of a cookie is worth nothing, on every dashboard of the database."""

import time

from sqlalchemy import delete, insert, select

from core.store.session import reading, writing
from core.store.tables import signed_out


def record(session: str, expires_at: float) -> None:
    """End a sign-in, named by the digest of its cookie, until `expires_at` (Unix seconds), when it would end by itself."""
    with writing() as c:
        c.execute(delete(signed_out).where((signed_out.c.expires_at < time.time()) | (signed_out.c.session == session)))
        c.execute(insert(signed_out).values(session=session, expires_at=expires_at))


def sessions() -> set[str]:
    """The digests of all sign-ins that were ended and would still hold."""
    with reading() as c:
        return set(c.execute(select(signed_out.c.session).where(signed_out.c.expires_at >= time.time())).scalars())
