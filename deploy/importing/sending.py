"""From the spool to the services: people to auth, then what they did to tickets, in order, a few rows at a time.

The services pass over what is in already, so an import that was interrupted is begun again and goes on where it was.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from deploy.importing.history import Change
from deploy.importing.spool import Person, Placed
from deploy.operator import Away
from events.times import to_text

T = TypeVar("T")

AT_ONCE = 100
"""Rows of one request, which is one transaction: people at the desk wait for no longer than that takes."""
_LARGEST = 150_000
"""Characters of the texts in one request: however they are written, fewer bytes than a service takes."""
PATIENCE = 120.0
"""Seconds for which a service that is away is asked again."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 4.0


class Desk(Protocol):
    """What is asked of `deploy.operator.Operator`."""

    def post(self, service: str, path: str, body: Any = None) -> Any:
        """Return the JSON of a POST. Raises Away when it is worth another try, any other Refusal when not."""


Step = Callable[[int], None]
"""Is called with how many people, or rows, were done."""


@dataclass
class Result:
    """What came of it: rows and people that are new to the desk, the events of those rows, the tickets that they are of."""

    people: int = 0
    rows: int = 0
    events: int = 0
    tickets: set[int] = field(default_factory=set)
    known: int = 0
    """Rows that were in before."""
    raised: int = 0
    """Rows that stood before the opening of their tickets, and were raised to it."""
    broken: int = 0


@dataclass(kw_only=True)
class Sending:
    """Sends what is in one spool. `report` hears of lines that do not go in, or not as they stand; `away` why a service is asked again."""

    desk: Desk
    source: str
    report: Callable[[int, str], None]
    away: Callable[[str], None]
    pause: Callable[[float], None] = time.sleep
    result: Result = field(default_factory=Result)
    _ids: dict[str, str] = field(default_factory=dict)
    _refused: dict[str, str] = field(default_factory=dict)
    _heard: int = 0
    """The event of auth that tickets must have heard of to know everybody."""

    def people(self, people: Iterable[Person], step: Step) -> None:
        """Open accounts for those who have none yet. Raises Refusal."""
        for some in _portions(people, lambda person: len(person.name)):
            answer = self._post("auth", {"people": [_person(each) for each in some]})
            for person, found in zip(some, answer["people"], strict=True):
                if "id" in found:
                    self._ids[person.name] = found["id"]
                    self.result.people += found["new"]
                else:
                    self._refused[person.name] = found["refused"]
            self._heard = answer["head"]
            step(len(some))

    def changes(self, changes: Iterable[Placed], step: Step) -> None:
        """Let happen what happened; `people` come before. Raises Refusal."""
        for some in _portions(changes, lambda placed: _size(placed.change)):
            rows = [placed for placed in some if self._can_be_sent(placed.change)]
            if rows:
                answer = self._post("tickets", {"heard": self._heard, "rows": [self._row(each.change) for each in rows]})
                for placed, found in zip(rows, answer["rows"], strict=True):
                    self._count(placed, found)
            step(len(some))

    def note(self, digest: str | None, *, complete: bool) -> None:
        """Let the desk write down that somebody brought this in: the file's SHA-256, and what came of it. Raises Refusal.

        For a run that did not come to its end nobody is waited for any longer.
        """
        done = self.result
        counts = {"people": done.people, "rows": done.rows, "events": done.events, "known": done.known, "broken": done.broken}
        body = {"source": self.source, "digest": digest, "complete": complete, "tickets": len(done.tickets), **counts}
        if complete:
            self._post("tickets", body, "/internal/import/runs")
        else:
            self.desk.post("tickets", "/internal/import/runs", body)

    def _can_be_sent(self, change: Change) -> bool:
        if _size(change) > _LARGEST:
            self._break(change.line, "has more text than a ticket can hold")
            return False
        for seen in change.seen():
            if seen.name in self._refused:
                self._break(change.line, f"names {seen.name!r}, for whom there can be no account: {self._refused[seen.name]}")
                return False
        return True

    def _row(self, change: Change) -> dict[str, Any]:
        row: dict[str, Any] = {"number": change.number, "row": change.row, "at": to_text(change.at), "by": self._ids[change.by]}
        for what, value in change.said.items():
            row[what] = self._ids[value] if what == "assignee" and value is not None else value
        if (opening := change.opening) is not None:
            requester = self._ids[opening.requester]
            row["opening"] = {"requester": requester, "at": to_text(opening.at), "title": opening.title, "body": opening.text(self._ids)}
        return row

    def _count(self, placed: Placed, found: Mapping[str, Any]) -> None:
        if "refused" in found:
            self._break(placed.change.line, f"was refused: {found['refused']}")
            return
        if not found["new"]:
            self.result.known += 1
            return
        self.result.tickets.add(found["ticket"])
        self.result.rows += 1
        self.result.events += found["events"]
        if placed.raised:
            self.result.raised += 1
            self.report(placed.change.line, "stood before the opening of its ticket, and was raised to it")

    def _break(self, line: int, reason: str) -> None:
        self.result.broken += 1
        self.report(line, reason)

    def _post(self, service: str, body: dict[str, Any], path: str = "/internal/import") -> Any:
        """Ask until there is an answer. Raises Away when there is none for PATIENCE seconds."""
        waited, pause = 0.0, _FIRST_PAUSE
        while True:
            try:
                return self.desk.post(service, path, {"source": self.source, **body})
            except Away as error:
                if waited >= PATIENCE:
                    raise
                if not waited:
                    self.away(error.what)
            self.pause(pause)
            waited, pause = waited + pause, min(2 * pause, _LONGEST_PAUSE)


def _person(person: Person) -> dict[str, str]:
    return {"name": person.name, "role": "admin" if person.assigned else "user", "at": to_text(person.first)}


def _size(change: Change) -> int:
    opening = change.opening
    texts = len(opening.title) + len(opening.body) + sum(map(len, opening.fields.values())) if opening is not None else 0
    return texts + len(change.number) + len(change.row or "") + len(change.said.get("note") or "")


def _portions(items: Iterable[T], size: Callable[[T], int]) -> Iterator[list[T]]:
    """Yield the items in order, in lists that fit into one request; one that is too large for any stands alone."""
    portion: list[T] = []
    filled = 0
    for item in items:
        weight = size(item)
        if portion and (len(portion) >= AT_ONCE or filled + weight > _LARGEST):
            yield portion
            portion, filled = [], 0
        portion.append(item)
        filled += weight
    if portion:
        yield portion
