"""Whoever was erased stays erased, whatever is restored.

A restore puts up their tombstones in auth's store, whose log then says of them once more that they were erased. Then each service hears of
that, as it hears of any erasure, and takes away what the backup still held, before the desk is put in place: nobody is ever served by one
that still knows them.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, bindparam, select, update

from chassis.offline import erase_again, offline
from chassis.settings import Settings
from deploy.backups.checking import ERASED
from deploy.backups.services import Declared
from deploy.refusal import Refusal
from events.consumer import Forked, OwnersFeed
from events.cutting import sign_head
from events.environment import Environment
from events.erasures import erasures, mark
from events.tables import events

_OWNER = "auth"
_ID = re.compile("(?:user/)?([A-Za-z0-9_-]{1,64})")
_KNOWN = select(erasures.c.person)
_SAID = select(events.c.subject).where(events.c.type == ERASED)
_AGAIN = update(erasures).where(erasures.c.person == bindparam("whose")).values(step="", position="", done_at=None)


def people_in(path: Path) -> frozenset[str]:
    """Return the ids of people in a file, one on each line, as `<id>` or `user/<id>`; what follows a # is a remark. Raises Refusal."""
    found = set()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise Refusal(f"{path} is no text in UTF-8, with a person's id on each line.") from None
    for number, line in enumerate(lines, 1):
        if text := line.partition("#")[0].strip():
            if not (match := _ID.fullmatch(text)):
                raise Refusal(f"Line {number} of {path} is no person's id: {text!r}.")
            found.add(match[1])
    return frozenset(found)


def mark_again(engines: Mapping[str, Engine], people: Iterable[str]) -> frozenset[str]:
    """Put up tombstones for these people, and for all of whom a store knows that they were erased, where auth's log does not say so.

    The others hear of these as they hear of any erasure. Of whom the log says it already they have heard, and a store that was made of an
    export must know them as well. Returns the ids of everybody who is erased then.
    """
    erased = set(people)
    for engine in engines.values():
        with engine.begin() as connection:
            erased.update(connection.scalars(_KNOWN))
    with engines[_OWNER].begin() as connection:
        said = {subject.partition("/")[2] for subject in connection.scalars(_SAID)}
        unsaid = sorted(erased - said)
        mark(connection, unsaid, datetime.now(UTC))
        for person in unsaid:
            connection.execute(_AGAIN, {"whose": person})
    for engine in engines.values():
        with engine.begin() as connection:
            mark(connection, sorted(said), datetime.now(UTC))
    return frozenset(erased | said)


async def erase_in_all(
    services: Mapping[str, Declared], inside: Settings, people: frozenset[str], feed: OwnersFeed, environment: Environment
) -> None:
    """Take what is left of erased people out of every store, by the services' own code. auth's log must say of them that they were erased.

    `feed` reads the logs of all stores. Raises Refusal when a store is not to hear of it.
    """
    for name, declared in services.items():  # auth first
        async with offline(declared.service, inside, environment=environment) as live:
            try:
                await erase_again(live, people, feed)
            except Forked as error:
                raise Refusal(
                    f"Nobody can be erased in the store of {name}: {error}",
                    "It would know them still. Restore a backup of before that, or have it resolved where the backup was made.",
                ) from None
            with live.store.writing.begin() as connection:
                sign_head(connection, live.signer, environment.now())
