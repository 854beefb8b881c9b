"""History from elsewhere, in the desk's words: what somebody did to a ticket, and when. Pure.

People are named as their source names them; the desk's ids for them are found out when the history is sent.
"""

import json
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import IO, Any, Literal, NamedTuple

from events.times import from_text, to_text

Said = Literal["assignee", "priority", "status", "note"]
LONGEST_LINE = 1_000_000
"""Bytes of one line of a file; a longer one is no row of anything, and is never held in memory whole."""
FIRST = datetime(1970, 1, 1, tzinfo=UTC)
"""The desk knows no time before it."""
_LONGEST_NAME = 1000
"""Far more than the desk takes, and little enough to be sent there and refused."""


class Unreadable(ValueError):
    """The file as a whole is not what it was said to be. The message says why."""


class Seen(NamedTuple):
    """Somebody who appears in a row. `assigned`: as the one who is given the ticket."""

    name: str
    at: datetime
    assigned: bool


@dataclass(frozen=True, slots=True)
class Broken:
    """A row that cannot be read. `reason` completes the sentence "Line 7 …"."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """How a ticket was opened. `fields` are facts of the source for which the desk has no place of its own."""

    requester: str
    at: datetime
    title: str
    body: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)

    def text(self, people: Container[str]) -> str:
        """Return the ticket's text: the body, then the fields, a line each.

        A field that names one of the `people` is left out, unless it is the requester: the events say who did what, by ids, and a text
        that is the requester's must not keep the names of others who may be erased one day.
        """
        told = [f"{name}: {value}" for name, value in self.fields.items() if value == self.requester or value not in people]
        return "\n".join([self.body, *told] if self.body else told) or self.title


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row: what `by` did to a ticket at `at`. `said` holds what the row says of it, also where that is nothing new.

    `opening` is what the ticket is opened with if it is not there yet. `row` is the row's own key within its ticket, None where the source
    has none: then its place in the order of time is its key.
    """

    line: int
    number: str
    at: datetime
    by: str
    said: Mapping[Said, str | None]
    opening: Opening | None = None
    row: str | None = None

    def seen(self) -> Iterator[Seen]:
        """Yield who appears in it. Nobody is seen at a ticket before it was opened."""
        if self.opening is not None:
            yield Seen(self.opening.requester, self.opening.at, assigned=False)
        at = max(self.at, self.opening.at) if self.opening is not None else self.at
        yield Seen(self.by, at, assigned=False)
        assignee = self.said.get("assignee")
        if assignee is not None:
            yield Seen(assignee, at, assigned=True)

    def flaw(self, now: datetime) -> str | None:
        """Return why this cannot have happened; None when it can. Completes the sentence "Line 7 …"."""
        for seen in self.seen():
            if seen.at < FIRST:
                return "tells of a time before 1970"
            if seen.at > now:
                return "tells of a time that has not come yet"
            if len(seen.name) > _LONGEST_NAME:
                return f"names somebody with more than {_LONGEST_NAME} letters"
        return None

    def raised_to(self, opened_at: datetime | None) -> "Change":
        """Return the change as it can have happened: not before its ticket was opened."""
        return self if opened_at is None or self.at >= opened_at else replace(self, at=opened_at)

    def dump(self) -> str:
        """Return it as JSON, for `load`."""
        opening = self.opening
        opened = opening and [opening.requester, to_text(opening.at), opening.title, opening.body, opening.fields]
        return json.dumps([self.line, self.number, to_text(self.at), self.by, self.said, opened, self.row])

    @classmethod
    def load(cls, text: str) -> "Change":
        """Return what was dumped."""
        line, number, at, by, said, opened, row = json.loads(text)
        opening: Any = None
        if opened is not None:
            requester, opened_at, title, body, fields = opened
            opening = Opening(requester=requester, at=from_text(opened_at), title=title, body=body, fields=fields)
        return cls(line=line, number=number, at=from_text(at), by=by, said=said, opening=opening, row=row)


def plain(text: str) -> str:
    """Return a name as it is compared: without white space around it, and one blank for any within."""
    return " ".join(text.split())


def flaw(text: str) -> str | None:
    """Return what keeps a text from being stored anywhere; None when nothing does."""
    if "\x00" in text:
        return "has a NUL character"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "is not UTF-8"
    return None


def lines_of(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines of a file; of one that is too long only its beginning, LONGEST_LINE bytes and one more."""
    while line := file.readline(LONGEST_LINE + 1):
        rest = line
        while len(rest) > LONGEST_LINE and not rest.endswith(b"\n"):
            rest = file.readline(LONGEST_LINE + 1)
        yield line
