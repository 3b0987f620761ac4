"""The sign-ins that users have ended, as this dashboard knows them.

Other dashboards of the database learn of them in seconds.
"""

import asyncio
import logging
import time

from starlette.concurrency import run_in_threadpool

from core.store import sign_outs

REFRESH_SECONDS = 5.0
log = logging.getLogger(__name__)


class EndedSessions:
    """The ended sign-ins, read from the database every five seconds at most, beside the requests.

    While the database is away, what was known last holds.
    """

    def __init__(self) -> None:
        self._here: set[str] = set()
        self._everywhere: set[str] = set()
        self._asked_at = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    async def has(self, session: str) -> bool:
        """Whether this sign-in was ended by its user. Only the first request waits for the database."""
        if not session:
            return False
        if time.monotonic() - self._asked_at >= REFRESH_SECONDS:
            is_first = self._asked_at == float("-inf")
            self._asked_at = time.monotonic()
            self._asking = asyncio.create_task(self._ask())
            if is_first:
                await asyncio.wait({self._asking}, timeout=REFRESH_SECONDS)
        return session in self._here or session in self._everywhere

    async def add(self, session: str, expires_at: float) -> None:
        """End a sign-in.

        Raises StoreUnavailable where the database is away: then it is ended on this dashboard alone.
        """
        self._here.add(session)
        await run_in_threadpool(sign_outs.record, session, expires_at)

    async def _ask(self) -> None:
        try:
            self._everywhere = await run_in_threadpool(sign_outs.sessions)
        except Exception as error:  # away, or not yet at its newest revision: neither locks everybody out
            log.warning("the sign-ins that users have ended could not be read: %s", error)
