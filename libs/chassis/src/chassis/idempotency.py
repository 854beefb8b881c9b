"""Idempotency-Key: the answer to a command is kept in the command's own transaction, so that asking twice acts once.

Two equal requests at once meet in the writer: the second one finds what the first one kept, in the same batch even.
"""

import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Request
from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects.postgresql import insert  # SQLite's ON CONFLICT is written alike, and this form compiles for both
from starlette.responses import Response

from chassis.answers import Answer
from chassis.bodies import read_bounded
from chassis.declared import Header, declares
from chassis.principal import Principal
from chassis.service import Running
from chassis.tables import KEPT
from events.decider import Key, Transaction, Unit
from events.errors import Invalid, NotSignedIn
from events.times import from_text, to_text

KIND = "kept"
KEPT_FOR = timedelta(hours=24)
_VISIBLE = re.compile("[\x21-\x7e]{1,255}")
R = TypeVar("R")


class KeyReused(Invalid):
    code = "key-reused"


@declares(
    "key-reused",
    "invalid",
    "too-large",  # with a key the body is read, whatever the route does with it
    headers=[
        Header(
            "Idempotency-Key",
            "The same key and body again within 24 hours give the same answer, and nothing happens twice.",
            (("pattern", "^[\\x21-\\x7e]{1,255}$"), ("maxLength", 255)),
        )
    ],
)
def idempotency_key(request: Request) -> str | None:
    """Return the request's key, or None. Raises Invalid for anything but 1 to 255 visible ASCII characters, once."""
    sent = request.headers.getlist("idempotency-key")
    if not sent:
        return None
    if len(sent) > 1 or not _VISIBLE.fullmatch(sent[0]):
        raise Invalid(
            "The Idempotency-Key cannot be meant.", [(("header", "idempotency-key"), "must be 1 to 255 visible ASCII characters, once")]
        )
    return sent[0]


Idempotency = Annotated[str | None, Depends(idempotency_key)]


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer, and the SHA-256 of the body that it answered."""

    request: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    at: datetime

    def answer(self) -> Answer:
        """Return the answer once more."""
        answer = Answer(self.body, self.status)
        answer.raw_headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.headers]
        return answer


@dataclass(frozen=True, slots=True)
class Once(Generic[R]):
    """A unit that does `unit` unless it was done before, and returns the answer that belongs to it, first or kept.

    Of a `person` who is among the `erased` nothing is done and nothing kept: an answer may have their name in it.
    """

    unit: Unit[R]
    id: str
    request: str
    render: Callable[[R], Answer]
    person: str
    erased: Container[str] = ()

    @property
    def sql(self) -> bool:
        return bool(getattr(self.unit, "sql", False))

    def reads(self) -> Iterable[Key]:
        return [(KIND, self.id), *self.unit.reads()]

    def run(self, tx: Transaction) -> Answer:
        if self.person in self.erased:
            raise NotSignedIn("Sign in first.")  # erased since they were asked who they are
        kept: Kept | None = tx.state((KIND, self.id))
        if kept is not None and kept.at + KEPT_FOR > tx.now:
            if kept.request != self.request:
                told = [(("header", "idempotency-key"), "must be a new one for another request")]
                raise KeyReused("This Idempotency-Key came with another request before.", told)
            return kept.answer()
        answer = self.render(self.unit.run(tx))
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.raw_headers)
        made = Kept(self.request, answer.status_code, headers, bytes(answer.body), tx.now)
        tx.put((KIND, self.id), made)
        tx.write(_KEEP, {"id": self.id, **_columns(made)})
        return answer


async def answer_once(running: Running, request: Request, principal: Principal, unit: Unit[R], render: Callable[[R], Answer]) -> Response:
    """Run the unit and answer with what `render` makes of its result (a 2xx); with an Idempotency-Key, at most once in 24 hours.

    `render` runs in the writer, so it makes bytes and nothing else. Raises what the unit raises, Invalid for a key with another body, and
    NotSignedIn for who was erased meanwhile.
    """
    return await (await answering_once(running, request, principal, render))(unit)


async def answering_once(
    running: Running, request: Request, principal: Principal, render: Callable[[R], Answer]
) -> Callable[[Unit[R]], Awaitable[Answer]]:
    """Return what runs a unit as `answer_once` does, for who has another one where the first is refused: the one that is done is kept."""
    key = idempotency_key(request)
    if key is None:

        async def plainly(unit: Unit[R]) -> Answer:
            return render(await running.writer.execute(unit))

        return plainly
    scope = (principal.id, request.method, request.scope["path"], key)
    id_ = hashlib.sha256(json.dumps(scope).encode()).hexdigest()
    body = hashlib.sha256(await read_bounded(request)).hexdigest()

    async def once(unit: Unit[R]) -> Answer:
        return await running.writer.execute(Once(unit, id_, body, render, principal.id, running.tombstones))

    return once


def load(connection: Connection, ids: Sequence[str]) -> Mapping[str, Kept | None]:
    """Load kept answers; the writer's loader for the kind "kept"."""
    found: dict[str, Kept | None] = dict.fromkeys(ids)
    for row in connection.execute(_LOAD, {"ids": list(ids)}):
        headers = tuple((name, value) for name, value in json.loads(row.headers))
        found[row.id] = Kept(row.request, row.status, headers, row.body, from_text(row.kept_at))
    return found


def _columns(kept: Kept) -> dict[str, Any]:
    return {
        "request": kept.request,
        "status": kept.status,
        "headers": json.dumps(kept.headers),
        "body": kept.body,
        "kept_at": to_text(kept.at),
    }


_LOAD = select(KEPT).where(KEPT.c.id.in_(bindparam("ids", expanding=True)))
_insert = insert(KEPT)
_KEEP = _insert.on_conflict_do_update(  # an answer that is older than a day gives way
    index_elements=[KEPT.c.id],
    set_={name: _insert.excluded[name] for name in ("request", "status", "headers", "body", "kept_at")},
)
