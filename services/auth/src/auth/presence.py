"""Who is here: the answer to "whose credential is this", and when each session and token was last seen, written down coarsely."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Update

from auth import rows
from auth.queries import Found, find_by_session, find_by_token
from auth.rules import SEEN_EVERY
from chassis.principal import Credential, Principal
from events.decider import Key, Transaction
from events.environment import Environment
from events.errors import DomainError
from events.store import Store
from events.times import to_text
from events.writer import Writer

_PAUSE = 10.0
"""Seconds between two writings of what was seen; far less than the 60 s that it is coarse by."""


@dataclass(frozen=True, kw_only=True)
class SeenUnit:
    """Record when sessions and tokens (public ids) were last seen. No event: it is no fact about a person that anyone decides on."""

    sessions: Mapping[str, datetime]
    tokens: Mapping[str, datetime]

    def reads(self) -> Iterable[Key]:
        return ()

    def run(self, tx: Transaction) -> None:
        _write(tx, rows.SEE_SESSION, self.sessions)
        _write(tx, rows.SEE_TOKEN, self.tokens)


def _write(tx: Transaction, statement: Update, seen: Mapping[str, datetime]) -> None:
    for id_, at in seen.items():
        tx.write(statement, {"which": id_, "at": to_text(at)})


@dataclass
class Presence:
    """Resolves credentials from the store, with one indexed read each, and remembers what is to be written down about it."""

    store: Store
    environment: Environment
    sessions: dict[str, datetime] = field(default_factory=dict)
    tokens: dict[str, datetime] = field(default_factory=dict)

    async def resolve(self, credential: Credential, _address: str, _agent: str) -> Principal | None:
        """Return whose credential it is, None when it is nobody's. The read is short enough for the event loop."""
        now = self.environment.now()
        find = find_by_session if credential.kind == "session" else find_by_token
        with self.store.read() as connection:
            found = find(connection, credential.digest, now)
        if found is None:
            return None
        self._note(found, now)
        return found.principal

    def _note(self, found: Found, now: datetime) -> None:
        if found.seen_at is not None and now - found.seen_at < SEEN_EVERY:
            return
        principal = found.principal
        if principal.session is not None:
            self.sessions[principal.session] = now
        elif principal.token is not None:
            self.tokens[principal.token] = now

    async def write_down(self, writer: Writer) -> None:
        """Write what was seen since the last time. Raises what the writer raises; then it is kept for the next time."""
        sessions, tokens = dict(self.sessions), dict(self.tokens)
        if sessions or tokens:
            await writer.execute(SeenUnit(sessions=sessions, tokens=tokens))
            _forget(self.sessions, sessions)
            _forget(self.tokens, tokens)

    async def keep(self, writer: Writer) -> None:
        """Write down what was seen, again and again, until cancelled."""
        while True:
            await self.environment.sleep(_PAUSE)
            try:
                await self.write_down(writer)
            except DomainError:
                continue  # the store is full or busy; the next time will do


def _forget(noted: dict[str, datetime], written: Mapping[str, datetime]) -> None:
    for id_, at in written.items():
        if noted.get(id_) == at:
            del noted[id_]
