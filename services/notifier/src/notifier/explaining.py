"""Why somebody was not told of an event. Pure: it asks the very rules that tell people."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from events.envelope import Actor
from notifier.rules import who_hears

Reason = Literal[
    "not-yet",
    "parked",
    "skipped",
    "imported",
    "tells-nobody",
    "own-deed",
    "not-concerned",
    "not-admin",
    "erased",
    "inactive",
    "cannot-sign-in",
    "no-admin-yet",
    "job-failed",
    "not-then",
]
"""`not-yet`: the event, or the job that tells all admins, was not come to. `not-then`: they would be told today, and were not then."""

_FATES: Mapping[str, Reason] = {"ahead": "not-yet", "parked": "parked", "skipped": "skipped"}
_ANYBODY = Actor(kind="system", id="")
"""Nobody's deed: the rules then leave nobody out for having done it themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What the notifier knows of somebody; a stranger is nobody's admin and may not sign in. `erased`: their name is gone for good."""

    id: str
    role: str = "user"
    active: bool = False
    can_sign_in: bool = False
    erased: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the notifier is (`events.fates`).

    `telling` is the status of the job that tells all admins, None where there is none; `waits` is what it said last.
    """

    fate: Literal["ahead", "handled", "parked", "skipped"]
    telling: str | None = None
    waits: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyNot:
    """`told` are the ids of who hears of the event instead; None: every active admin who can sign in."""

    reason: Reason
    told: tuple[str, ...] | None = ()


def why_not(event: Any, *, ticket: int, actor: Actor, imported: bool, person: Person, progress: Progress) -> WhyNot:
    """Return why a person has no notification of an event; `event` is None where its type is not known here."""
    notices = who_hears(event, id_="", ticket=ticket, actor=_ANYBODY, imported=False) if event is not None else []
    if not notices:
        return WhyNot(reason="tells-nobody")
    admins = any(notice.to is None for notice in notices)
    told = None if admins else tuple(notice.to for notice in notices if notice.to is not None)
    if imported:
        return WhyNot(reason="imported")
    if actor.kind != "system" and actor.id == person.id and (told is None or person.id in told):
        return WhyNot(reason="own-deed", told=_without(told, person.id))
    if told is not None and person.id not in told:
        return WhyNot(reason="not-concerned", told=told)
    if admins and person.role != "admin" and not person.erased:
        return WhyNot(reason="not-admin", told=told)
    return WhyNot(reason=_kept_from(person) or _not_come_to(progress, admins=admins) or "not-then", told=told)


def _kept_from(person: Person) -> Reason | None:
    if person.erased:
        return "erased"
    if not person.can_sign_in:
        return "cannot-sign-in"
    return None if person.active else "inactive"


def _not_come_to(progress: Progress, *, admins: bool) -> Reason | None:
    if progress.fate != "handled":
        return _FATES[progress.fate]
    if not admins or progress.telling in (None, "succeeded"):
        return None
    if progress.telling in ("dead", "unknown"):
        return "job-failed"
    return "no-admin-yet" if progress.waits else "not-yet"


def _without(told: tuple[str, ...] | None, person: str) -> tuple[str, ...] | None:
    return None if told is None else tuple(id_ for id_ in told if id_ != person)
