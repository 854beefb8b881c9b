"""One change to many tickets, and its undoing. Pure.

Each ticket is changed from the version that whoever chose it saw, and from none else. What became of it is an address, so that the result
can be looked at again, and come back to. Undoing is the same with the sides changed: an event that compensates each that was made, and none
where somebody has changed the ticket since.
"""

import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import urlencode

MOST = 100
"""Tickets that one bulk may change."""
What = Literal["status", "assignee"]
FIELDS: Mapping[str, What] = {"status": "status", "assignee": "assignee"}
State = Literal["done", "already", "stale", "refused", "unknown"]
_STEP = re.compile(r"([1-9][0-9]{0,15}):([1-9][0-9]{0,15}):([A-Za-z0-9_-]{0,64}):([A-Za-z0-9_-]{0,64})")
_RESULT = re.compile(r"([1-9][0-9]{0,15}):([1-9][0-9]{0,15}):([A-Za-z0-9_-]{0,64}):([A-Za-z0-9_-]{0,64}):([a-z]{4,8}):([a-z-]{0,40})")


@dataclass(frozen=True, slots=True)
class Step:
    """What is to become of one ticket: from `before`, which it was in `version`, to `after`; "" is nobody."""

    ticket: int
    version: int
    before: str
    after: str

    @classmethod
    def of(cls, text: str) -> "Step | None":
        """Return the step that a form names, None for what is none."""
        found = _STEP.fullmatch(text)
        return None if found is None else cls(int(found[1]), int(found[2]), found[3], found[4])

    def __str__(self) -> str:
        return f"{self.ticket}:{self.version}:{self.before}:{self.after}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a step. After `done` its `version` is the ticket's new one; `why` is the slug of a refusal."""

    step: Step
    state: State
    why: str = ""

    def __str__(self) -> str:
        return f"{self.step}:{self.state}:{self.why}"


def steps(chosen: Iterable[str]) -> list[Step]:
    """Return the steps that a form names, each ticket once."""
    found = {step.ticket: step for step in map(Step.of, chosen) if step is not None}
    return list(found.values())


def chosen(tickets: Iterable[str], what: What, to: str) -> list[Step]:
    """Return the steps of a list's form, in which a ticket is `number:version:status:assignee` as it was shown."""
    found = {}
    for text in tickets:
        seen = Step.of(text)
        if seen is not None:
            found[seen.ticket] = Step(seen.ticket, seen.version, seen.before if what == "status" else seen.after, to)
    return list(found.values())


def address(what: What, outcomes: Sequence[Outcome], seal: str) -> str:
    """Return the address of the result; `seal` is the one of this person's outcomes."""
    return "/tickets/bulk?" + urlencode([("what", what), *(("t", str(outcome)) for outcome in outcomes), ("seal", seal)])


def seal(secret: str, person: str, what: What, outcomes: Iterable[Outcome]) -> str:
    """Return what shows that we have written these outcomes, for this person: 32 hex digits that take the secret (hex) to make.

    Without it, an address that somebody made up would have an admin undo what never was done.
    """
    text = "\0".join(("bulk", person, what, *map(str, outcomes)))
    return hmac.digest(bytes.fromhex(secret), text.encode(), "sha256").hex()[:32]


def outcomes(texts: Iterable[str]) -> list[Outcome]:
    """Return the outcomes that an address names, each ticket once; what is none is passed over."""
    found: dict[int, Outcome] = {}
    for text in texts:
        match = _RESULT.fullmatch(text)
        if match is not None and match[5] in ("done", "already", "stale", "refused", "unknown"):
            step = Step(int(match[1]), int(match[2]), match[3], match[4])
            found[step.ticket] = Outcome(step, match[5], match[6])  # type: ignore[arg-type]
    return list(found.values())


def undoing(outcome: Outcome, version: int | None) -> Step | None:
    """Return the step that undoes what was done; None where nothing was, or where the ticket is of another version by now."""
    step = outcome.step
    if outcome.state != "done" or version != step.version:
        return None
    return replace(step, before=step.after, after=step.before)


def is_by(entries: Sequence[Mapping[str, Any]], step: Step, what: What, person: str) -> bool:
    """Whether the last change in a ticket's whole history is this very step, made by this person: then a form was sent twice."""
    making = [entry for entry in entries if entry["action"] not in ("ticket_note_added", "ticket_escalated")]
    if len(making) != step.version + 1:
        return False
    last = making[-1]
    sides = [(side or {}).get(what, "?") for side in (last["before"], last["after"])]
    return last["actor"]["id"] == person and sides == [step.before or None, step.after or None]
