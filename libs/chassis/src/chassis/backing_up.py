"""The doors by which `ste backup` makes a running desk's stores stand still for a moment, and has each service copy its own.

hold ─▶ (all services hold) ─▶ release ─▶ (all were held to the end) ─▶ copy. Whoever asks may die at any point: a hold ends by itself
after some seconds, and a snapshot that nobody asks for within a minute is let go.
"""

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DBAPIError
from starlette.responses import Response

from chassis.answers import json_answer, no_content
from chassis.callers import operator_only
from chassis.lean import LeanRoute
from chassis.problems import declare
from chassis.service import Running, running
from events.errors import Conflict, Invalid, NotFound, Unavailable
from events.snapshots import LONGEST_HOLD, Hold, Snapshot
from events.store import SQLITE

logger = logging.getLogger(__name__)

Operator = Annotated[None, Depends(operator_only)]
_UNWANTED_AFTER = 60.0
"""Seconds that a snapshot is kept for whoever asked for it."""

declare("backup-under-way", 409, "Another backup is under way")
declare("not-sqlite", 409, "This store is not in SQLite")


class HoldBody(BaseModel):
    """`id` is the caller's own name for this backup; `seconds` is how long the head stays locked when nobody releases it."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(min_length=1, max_length=64)]
    seconds: Annotated[float, Field(gt=0, le=LONGEST_HOLD)] = LONGEST_HOLD


class BackupBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(min_length=1, max_length=64)]


class CopyBody(BaseModel):
    """`path` is where the copy goes: absolute, not there yet, in a directory that is."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(min_length=1, max_length=64)]
    path: Annotated[str, Field(min_length=1, max_length=4096)]


@dataclass(kw_only=True)
class _Backup:
    id: str
    hold: Hold
    task: "asyncio.Task[bool]"
    snapshot: Snapshot | None = None
    copying: bool = False
    far: tuple[int, int] = (0, 0)
    unwanted: asyncio.TimerHandle | None = None


class Backups:
    """The backup that this process takes part in: one at a time."""

    def __init__(self, live: Running) -> None:
        self._live = live
        self._now: _Backup | None = None

    async def hold(self, id_: str, seconds: float) -> dict[str, Any]:
        """Lock the head and take a snapshot; return what the store is then. Raises Conflict when another backup is under way."""
        if self._now is not None:
            raise Conflict("Another backup of this desk is under way. Wait for its end.", code="backup-under-way")
        loop = asyncio.get_running_loop()
        held: asyncio.Future[Snapshot] = loop.create_future()

        def tell(snapshot: Snapshot) -> None:
            loop.call_soon_threadsafe(_give, held, snapshot)

        live = self._live
        hold = Hold(look=lambda: Snapshot.of(live.store), held=tell, stopping=live.stopping.is_set, seconds=seconds)
        task = asyncio.create_task(live.writer.execute(hold), name="hold for a backup")
        backup = self._now = _Backup(id=id_, hold=hold, task=task)
        try:
            either: list[asyncio.Future[Any]] = [held, task]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not held.done():
                task.result()
            backup.snapshot = await held
        except BaseException:
            hold.released.set()
            self._drop()
            raise
        backup.unwanted = loop.call_later(_UNWANTED_AFTER, self._drop_unwanted, backup)
        head = backup.snapshot.head
        return {"origin": head.origin, "sequence": head.sequence, "hash": head.hash}

    async def release(self, id_: str) -> bool:
        """Let the head go; return whether it was held until now."""
        backup = self._of(id_)
        backup.hold.released.set()
        try:
            held = await backup.task
        except Exception:  # noqa: BLE001 -- whatever became of the batch: its lock may have ended before
            held = False
        if not held:
            self._drop()
        return held

    def drop(self, id_: str) -> None:
        """Give a backup up that is held or was, and not one that is being copied."""
        if not self._of(id_).copying:
            self._drop()

    async def copy(self, id_: str, path: Path) -> dict[str, Any]:
        """Write the snapshot to `path`, in a thread, and let go of it. Raises Invalid when nothing can be written there."""
        backup = self._of(id_)
        if not backup.task.done() or backup.copying or backup.snapshot is None:
            raise Conflict("A snapshot is copied once, after its hold was released.")
        if not path.is_absolute():
            raise Invalid("The path of a copy is absolute.")
        backup.copying, snapshot = True, backup.snapshot

        def far(done: int, total: int) -> None:
            backup.far = done, total
            if self._live.stopping.is_set():
                raise Unavailable("The service is going down.")

        def write() -> int:
            try:
                snapshot.copy_to(path, far)
                return path.stat().st_size
            finally:
                snapshot.close()  # here, since whoever asked may have gone before the end

        try:
            return {"bytes": await self._live.store.whole.run(write, patient=True)}
        except OSError as error:
            raise Invalid(f"{path} cannot be written: {error.strerror}.") from error
        except SQLITE.Error as error:
            raise Unavailable(f"The copy was not finished: {error}.") from error
        finally:
            self._drop()

    def far(self) -> tuple[int, int]:
        """Return how far the copy is: (pages done, pages in all); zeros when there is none."""
        return self._now.far if self._now is not None else (0, 0)

    def _of(self, id_: str) -> _Backup:
        if self._now is None or self._now.id != id_:
            raise NotFound("No such backup is under way here.")
        return self._now

    def _drop_unwanted(self, backup: _Backup) -> None:
        if self._now is backup and not backup.copying:
            logger.warning("Nobody came for the snapshot of a backup; it is let go.")
            self._drop()

    def _drop(self) -> None:
        backup, self._now = self._now, None
        if backup is None:
            return
        backup.hold.released.set()
        if backup.unwanted is not None:
            backup.unwanted.cancel()
        if backup.snapshot is not None and not backup.copying:
            backup.snapshot.close()


def _give(held: "asyncio.Future[Snapshot]", snapshot: Snapshot) -> None:
    if held.done():
        snapshot.close()
    else:
        held.set_result(snapshot)


router = APIRouter(prefix="/internal/backup", route_class=LeanRoute, include_in_schema=False)


def backups_of(request: Request) -> Backups:
    """Return what this process does for backups; it is made when the first one is asked for."""
    state = request.app.state
    if not hasattr(state, "backups"):
        state.backups = Backups(running(request))
    found: Backups = state.backups
    return found


Here = Annotated[Backups, Depends(backups_of)]


@router.post("/hold")
async def post_hold(body: HoldBody, backups: Here, _: Operator) -> Response:
    """Lock the head of the log, for some seconds at most, and keep a snapshot of the store."""
    try:
        return json_answer(await backups.hold(body.id, body.seconds))
    except (DBAPIError, SQLITE.Error) as error:
        raise Unavailable("The store cannot be looked at now.", 2) from error


@router.post("/release")
async def post_release(body: BackupBody, backups: Here, _: Operator) -> Response:
    """Let the head go, and tell whether it was locked until now."""
    return json_answer({"held": await backups.release(body.id)})


@router.post("/drop")
async def post_drop(body: BackupBody, backups: Here, _: Operator) -> Response:
    """Let the head and the snapshot go: nobody will come for it."""
    backups.drop(body.id)
    return no_content()


@router.post("/copy")
async def post_copy(body: CopyBody, backups: Here, _: Operator) -> Response:
    """Write the snapshot into a new file. It takes as long as it takes."""
    return json_answer(await backups.copy(body.id, Path(body.path)))


@router.get("/copy")
async def get_copy(backups: Here, _: Operator) -> Response:
    """Tell how far the copy is."""
    done, total = backups.far()
    return json_answer({"done": done, "total": total})
