"""Sign-ins that users have ended.

A copy of such a cookie is worthless on every dashboard of the database.
"""

import time

from sqlalchemy import delete, insert, select

from core.store.schema import signed_out
from core.store.session import reading, writing


def record(session: str, expires_at: float) -> None:
    """End a sign-in, identified by the digest of its cookie.

    `expires_at`: Unix seconds at which it would end by itself.
    """
    with writing() as c:
        c.execute(
            delete(signed_out).where(
                (signed_out.c.expires_at < time.time()) | (signed_out.c.session == session)
            )
        )
        c.execute(insert(signed_out).values(session=session, expires_at=expires_at))


def sessions() -> set[str]:
    """The digests of all ended sign-ins that would otherwise still be valid."""
    with reading() as c:
        return set(
            c.execute(select(signed_out.c.session).where(signed_out.c.expires_at >= time.time())).scalars()
        )
