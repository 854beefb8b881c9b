"""Asking every service to verify its own store from disk, now, and keeping the last result."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json
from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert  # SQLite's ON CONFLICT is written alike, and this form compiles for both

from chassis.service import Running
from chassis.settings import SERVICES
from events.contracts.operation import LedgerVerified
from events.decider import Context, Key, Transaction
from events.errors import Unavailable
from events.times import from_text, to_text
from tickets.tables import verifications
from tickets.turns import Turn

logger = logging.getLogger(__name__)

SUBJECT = "store/tickets"
_HOUR_S = 3600.0
_LOOK_S, _LOOKS = 1.0, 3
_ANSWER_S = 2.0
"""A service that verifies is asked each second whether it lives; after three looks without an answer it is not waited for any longer."""
_LAST = select(verifications.c.result).where(verifications.c.id == 1)
_FIGURES = select(verifications.c.checked_at, verifications.c.result).where(verifications.c.id == 1)
_add = insert(verifications)
_KEEP = _add.on_conflict_do_update(
    index_elements=[verifications.c.id], set_={"checked_at": _add.excluded.checked_at, "result": _add.excluded.result}
)

Report = dict[str, Any]
"""What one service says of its store, or what is said of one that could not be asked."""


def last(connection: Connection) -> dict[str, Any] | None:
    """Return the last finished result, None before the first."""
    stored = connection.execute(_LAST).scalar_one_or_none()
    return None if stored is None else from_json(stored)


def figures(connection: Connection) -> dict[str, float]:
    """Return when the last verification finished (seconds since 1970) and whether all was well; nothing before the first."""
    row = connection.execute(_FIGURES).one_or_none()
    if row is None:
        return {}
    return {"verified_at_seconds": from_text(row.checked_at).timestamp(), "verified_ok": float(from_json(row.result)["ok"] is True)}


def found_wrong(result: Mapping[str, Any]) -> list[str]:
    """Return what a verification found, a sentence for each store that is not what was written."""
    return [
        f"The verification at {result['checked_at']} found the store of {store['source']} damaged{_at(store)}: {store['reason']}"
        for store in result["stores"]
        if store["ok"] is False
    ]


def _at(store: Mapping[str, Any]) -> str:
    return "" if store["first_bad_sequence"] is None else f" at event {store['first_bad_sequence']}"


def reasons(connection: Connection) -> list[str]:
    """Return what the last verification found wrong, for `/readyz`."""
    result = last(connection)
    return [] if result is None else found_wrong(result)


def verdict(reports: Iterable[Report]) -> bool | None:
    """Return whether all is well: False when one store is not, None when that cannot be said of one."""
    said = {report["ok"] for report in reports}
    return False if False in said else None if None in said else True


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """Keeps a result and says in the log that it was found."""

    reports: Sequence[Report]
    context: Context

    def reads(self) -> Iterable[Key]:
        return [("stream", SUBJECT)]

    def run(self, tx: Transaction) -> dict[str, Any]:
        ok = verdict(self.reports)
        told = [{"source": r["source"], "ok": r["ok"], "events": r["events"], "hash": r["head"]["hash"]} for r in self.reports]
        tx.append(SUBJECT, [LedgerVerified(ok=ok is True, stores=told)], self.context)
        result = {"ok": ok, "checked_at": to_text(tx.now), "stores": list(self.reports)}
        tx.write(_KEEP, {"id": 1, "checked_at": result["checked_at"], "result": to_json(result)})
        return result


class Verification:
    """One verification at a time, whatever the number of processes: who asks while one runs waits for that one."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._task: asyncio.Task[dict[str, Any]] | None = None

    async def result(self, context: Context, *, within_s: float | None) -> dict[str, Any] | None:
        """Return the result, None when it takes longer than `within_s` seconds; it is then kept when it is there."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._in_turn(context), name="verify every store")
            self._task.add_done_callback(_over)
        done, _ = await asyncio.wait([self._task], timeout=within_s)
        return self._task.result() if done else None

    async def progress(self) -> tuple[int, int] | None:
        """Return how far a verification is that runs now, here or in another process: (events done, events in all); None: there is none."""
        with self._running.store.read() as connection:
            if not Turn.taken(connection, self._running.environment.now()):
                return None
        far = await asyncio.gather(*(self._far(service) for service in SERVICES))
        return sum(done for done, _ in far), sum(total for _, total in far)

    async def _far(self, service: str) -> tuple[int, int]:
        try:
            answer = await self._running.peers.get(service, "/internal/verify", within=_ANSWER_S)
        except Unavailable:
            return 0, 0
        told = answer.json() if answer.status_code == 200 else {"done": 0, "total": 0}
        return told["done"], told["total"]

    async def _in_turn(self, context: Context) -> dict[str, Any]:
        """Verify when it is our turn; while another process does, wait for its result."""
        store, turn = self._running.store, Turn(self._running.writer, self._running.environment)
        before = await store.read_in_thread(last)
        while not await turn.take():
            await self._running.environment.sleep(_LOOK_S)
            after = await store.read_in_thread(last)
            if after is not None and after != before:
                return after
        async with turn:
            return await self._verify(context)

    async def _verify(self, context: Context) -> dict[str, Any]:
        return await self.keep(await asyncio.gather(*(self._ask(service) for service in SERVICES)), context)

    async def keep(self, reports: Sequence[Report], context: Context) -> dict[str, Any]:
        """Keep what the services said of their stores as the last result, tell the audit and the log of it, and return it."""
        result: dict[str, Any] = await self._running.writer.execute(Finish(reports=reports, context=context))
        for wrong in found_wrong(result):
            logger.error("%s", wrong)
        return result

    async def _ask(self, service: str) -> Report:
        """Return a service's own report of its store, or that it could not be asked. Our own answers at the same door as the others."""
        peers = self._running.peers
        asking = asyncio.create_task(peers.post(service, "/internal/verify", {}, within=_HOUR_S), name=f"verify {service}")
        silence = asyncio.create_task(self._silence(service), name=f"does {service} live")
        try:
            await asyncio.wait({asking, silence}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                silence.result()
                return _unknown(service, f"The service {service} does not answer any more.")
            answer = asking.result()
        except Unavailable as refusal:
            return _unknown(service, str(refusal))
        finally:
            asking.cancel()
            silence.cancel()
        return answer.json() if answer.status_code == 200 else _unknown(service, "It does not let us ask.")

    async def _silence(self, service: str) -> None:
        """Return once the service has not answered for some looks in a row."""
        missed = 0
        while missed < _LOOKS:
            await self._running.environment.sleep(_LOOK_S)
            try:
                await self._running.peers.get(service, "/livez", within=_ANSWER_S)
            except Unavailable:
                missed += 1
            else:
                missed = 0


def _over(task: "asyncio.Task[Any]") -> None:
    """Say of a verification that failed what nobody may be waiting to hear."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("The verification was not finished.", exc_info=error)


def _unknown(service: str, reason: str) -> Report:
    nothing = {"sequence": 0, "hash": None}
    return {
        "source": f"/{service}",
        "ok": None,
        "events": 0,
        "head": nothing,
        "checkpoints": 0,
        "first_bad_sequence": None,
        "reason": reason,
    }
