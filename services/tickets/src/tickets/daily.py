"""Verifying every store once a day, without anybody asking."""

import logging
from datetime import datetime, timedelta
from typing import Any

from chassis.service import Running
from events.decider import Context
from events.envelope import Actor
from events.times import from_text
from tickets import verification
from tickets.verification import Verification

logger = logging.getLogger(__name__)

_OWN = Actor(kind="system", id="tickets")
_AGAIN = timedelta(hours=1)
"""After a verification in which a service could not be asked, or that was not finished."""
_LONGEST_SLEEP_S = 600.0
_JITTER = 0.05
_SETTLED = timedelta(minutes=1)
"""From our start on: by then the other services are up as well. Who cannot be asked yet is not to be the first that is told of a desk."""


def due(every: timedelta, last: dict[str, Any] | None, begun: datetime, jitter: float) -> datetime:
    """Return when the next verification is due. `last` is the last result, `begun` when we began to wait, `jitter` from 0 to 1.

    It is a little later each time, by up to a twentieth of `every`, so that desks which started together do not all read their disks at
    once. A desk that was never verified is as soon as that; none is at once when it starts, though it be overdue.
    """
    later, settled = every * _JITTER * jitter, begun + min(every * _JITTER, _SETTLED)
    if last is None:
        return settled + later
    return max(settled, from_text(last["checked_at"]) + (every if last["ok"] is not None else min(every, _AGAIN)) + later)


class Daily:
    """Run by the process that holds the lease. A verification that somebody asked for counts like its own."""

    def __init__(self, running: Running, verifying: Verification, every: timedelta) -> None:
        self._running, self._verifying, self._every = running, verifying, every

    async def run(self) -> None:
        """Verify whenever it is due, for ever."""
        while True:
            await self._wait()
            context = Context(actor=_OWN, at=self._running.environment.now())
            try:
                await self._verifying.result(context, within_s=None)
            except Exception as error:  # noqa: BLE001 -- it is tried again, whatever it was
                logger.warning("The daily verification is tried again later: %s", error)
                await self._running.environment.sleep(min(self._every, _AGAIN).total_seconds())

    async def _wait(self) -> None:
        environment = self._running.environment
        begun, jitter = environment.now(), environment.random_bytes(1)[0] / 255
        while True:
            last = await self._running.store.read_in_thread(verification.last)
            left = (due(self._every, last, begun, jitter) - environment.now()).total_seconds()
            if left <= 0:
                return
            await environment.sleep(min(left, _LONGEST_SLEEP_S))
