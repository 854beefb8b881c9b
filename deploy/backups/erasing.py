"""Whoever was erased stays erased, whatever is restored.

A restore puts up their tombstones in auth's store, whose log then says of them once more that they were erased. The other services hear of
that at the desk's first start, as they hear of any erasure, and take away what the backup still holds.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, bindparam, select, update

from deploy.backups.checking import ERASED
from deploy.refusal import Refusal
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
    for number, line in enumerate(path.read_text().splitlines(), 1):
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
