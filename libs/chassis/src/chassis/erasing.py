"""Erasure in every service: what all of them keep of a person, the eraser of a service, and what it says of how far it is."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from sqlalchemy import Connection, bindparam, select, update
from starlette.responses import Response

from chassis.answers import json_answer
from chassis.callers import ours_only
from chassis.lean import LeanRoute
from chassis.service import Running, running
from chassis.settings import SERVICES
from chassis.tables import KEPT
from events import erasures
from events.blanking import AT_ONCE, PARKED, Found, Step
from events.eraser import Eraser, Stream, forget_the_erased
from events.errors import NotFound, Unavailable
from events.times import to_text

Redact = Callable[[Connection, Mapping[str, Any], str], Mapping[str, Any]]
"""(connection, answer, person) to the answer without what is personal of that person; the same when there is nothing."""

_PATIENCE_S = 30.0
LONG_S = 300.0
"""An erasure that takes longer than so many seconds is said to be under way."""

router = APIRouter(prefix="/internal/erasures", route_class=LeanRoute, include_in_schema=False)

Ours = Annotated[None, Depends(ours_only)]
Person = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{1,64}$")]

_ANSWERS = select(KEPT.c.id, KEPT.c.body).where(KEPT.c.id > bindparam("after")).order_by(KEPT.c.id).limit(AT_ONCE)
_ANSWER = select(KEPT.c.headers, KEPT.c.body).where(KEPT.c.id == bindparam("which"))
_REPLACE = update(KEPT).where(KEPT.c.id == bindparam("which")).values(headers=bindparam("beside"), body=bindparam("instead"))


def eraser_of(live: Running, stream: Stream) -> Eraser:
    """Return the eraser of a service: first the log, then what the service keeps, then what every service does; `stream` at the end."""
    parts = live.parts
    return Eraser(
        writer=live.writer,
        store=live.store,
        wake=live.wake,
        stream=stream,
        recent=live.recent,
        environment=live.environment,
        steps=[*parts.erases, PARKED, kept_answers(parts.redact)],
        compact=parts.compact,
    )


async def forget(live: Running) -> None:
    """Let this process forget what it committed last whenever somebody was erased, for ever: it may not be the one that erases."""
    await forget_the_erased(live.store, live.wake, live.recent, live.environment)


def kept_answers(redact: Redact) -> Step:
    """Return the step over answers that are kept for a day. They stay, so that nothing is done twice, without what is personal in them."""

    def find(connection: Connection, *, person: str, position: str) -> Found:
        rows = connection.execute(_ANSWERS, {"after": position}).all()
        keys = [id_ for id_, body in rows if _redacted(connection, bytes(body), person) is not None]
        return keys, rows[-1].id if len(rows) == AT_ONCE else None

    def blank(connection: Connection, person: str, keys: Sequence[str]) -> int:
        count = 0
        for id_ in keys:
            kept = connection.execute(_ANSWER, {"which": id_}).one_or_none()  # it may have been swept meanwhile
            if kept is not None and (body := _redacted(connection, bytes(kept.body), person)) is not None:
                connection.execute(_REPLACE, {"which": id_, "instead": body, "beside": _measured(kept.headers, len(body))})
                count += 1
        return count

    def _redacted(connection: Connection, body: bytes, person: str) -> bytes | None:
        """Return the answer without what is personal of somebody, None when there is nothing of theirs in it."""
        answer = json.loads(body) if body.startswith(b"{") else None
        if answer is None:
            return None
        without = _nameless(redact(connection, answer, person), person)
        return json.dumps(without, ensure_ascii=False, separators=(",", ":")).encode() if without != answer else None

    return Step(name="kept answers", find=find, blank=blank)


def _measured(headers: str, size: int) -> str:
    """Return kept headers with another length of the body."""
    return json.dumps([[name, str(size) if name == "content-length" else value] for name, value in json.loads(headers)])


def _nameless(value: Any, person: str) -> Any:
    """Return a JSON value in which every object that has the person's id has neither name nor e-mail."""
    match value:
        case Mapping():
            told = {key: _nameless(inner, person) for key, inner in value.items()}
            return told | {key: None for key in ("name", "email") if key in told} if told.get("id") == person else told
        case list():
            return [_nameless(inner, person) for inner in value]
    return value


# what is asked about it


@router.get("")
async def get_erasures(request: Request, _: Ours) -> Response:
    """Tell who was erased, by their ids, as far as this store has heard; of those whose account is here, only whose log says so."""
    found = await running(request).store.read_in_thread(erasures.people)
    return json_answer({"people": found})


@router.get("/{person}")
async def get_erasure(person: Person, request: Request, _: Ours) -> Response:
    """Tell how far this store is with one person. Raises NotFound when it has not heard of it."""
    live = running(request)
    with live.store.read() as connection:
        found = erasures.erasure_of(connection, person)
    if found is None:
        raise NotFound("This service has not heard that they were erased.")
    return json_answer(_told(found, live.eraser.trouble))


def _told(erasure: erasures.Erasure, trouble: str | None) -> dict[str, Any]:
    done = erasure.done_at is not None
    return {
        "person": erasure.person,
        "since": to_text(erasure.since),
        "done_at": to_text(erasure.done_at) if erasure.done_at else None,
        "step": None if done else erasure.step or "events",
        "trouble": None if done else trouble,
        "blanked": {name: count for name, count in erasure.blanked.items() if count},
    }


def reasons(live: Running, figures: Mapping[str, float]) -> list[str]:
    """Return, in words, what is to be said of erasures that should be done by now."""
    if figures["erasures_oldest_seconds"] < LONG_S:
        return []
    minutes = figures["erasures_oldest_seconds"] / 60
    trouble = live.eraser.trouble or "It goes on."
    return [f"An erasure has been under way for {minutes:.0f} minutes. {trouble}"]


# asking all about one person, and auth about all


async def ask_all(live: Running, person: str) -> list[dict[str, Any]]:
    """Return how far each service is with a person; `done_at` None and a `trouble` for one that is down or has not heard of it yet."""
    return list(await asyncio.gather(*(_ask(live, service, person) for service in SERVICES)))


async def _ask(live: Running, service: str, person: str) -> dict[str, Any]:
    nothing: dict[str, Any] = {"source": f"/{service}", "done_at": None, "step": None, "blanked": {}}
    try:
        answer = await live.peers.get(service, f"/internal/erasures/{person}")
    except Unavailable:
        return {**nothing, "trouble": f"The service {service} cannot be reached. It erases when it is back."}
    if answer.status_code != 200:
        return {**nothing, "trouble": f"The service {service} has not heard of it yet."}
    told = answer.json()
    return {"source": f"/{service}", **{name: told[name] for name in ("done_at", "step", "trouble", "blanked")}}


class Erased:
    """Everybody who was erased, as a container for a thread that verifies: auth is asked once, and only when somebody is looked for.

    Nothing else is believed, not what this store has heard either: that stands in plain columns. Where auth cannot be asked, everybody is
    taken for erased, and `unasked` says that this is not known.
    """

    def __init__(self, live: Running, loop: asyncio.AbstractEventLoop) -> None:
        self._live, self._loop = live, loop
        self._people: frozenset[str] | None = None
        self.unasked = False

    def __contains__(self, person: object) -> bool:
        if self._people is None and not self.unasked:
            asking = asyncio.run_coroutine_threadsafe(_of_auth(self._live), self._loop)
            with suppress(TimeoutError):
                self._people = asking.result(2 * _PATIENCE_S)
            self.unasked = self._people is None
        return self._people is None or person in self._people


async def _of_auth(live: Running) -> frozenset[str] | None:
    """Return the ids of everybody who was erased, as auth's log tells; None where auth cannot be asked."""
    try:
        answer = await live.peers.get("auth", "/internal/erasures", within=_PATIENCE_S)
    except Unavailable:
        return None
    return frozenset(answer.json()["people"]) if answer.status_code == 200 else None
