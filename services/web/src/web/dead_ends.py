"""Where an address leads that cannot be shown: what is wrong with it, in words, and the nearest page that can be. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from web.refusals import Refused, sentence

_LONGEST = 40
_PLACES = (
    ("/admin/people", "To the people"),
    ("/admin/policies", "To the policies"),
    ("/admin/jobs", "To the jobs"),
    ("/admin/parked", "To the parked events"),
    ("/admin", "To the overview"),
    ("/audit/checkpoints", "To the checkpoints"),
    ("/audit", "To the audit"),
    ("/notifications", "To your notifications"),
    ("/account/security", "To your password and sessions"),
    ("/account/tokens", "To your tokens"),
    ("/account", "To your account"),
    ("/tickets", "To the tickets"),
)
"""Lists that are above other pages, the longer address first."""
_TICKETS = _PLACES[-1]
_GENERIC = frozenset(("The query breaks a rule.", "The query breaks some rules."))
_FAULTS = {
    "status": "“{}” is no status that a ticket can have.",
    "priority": "“{}” is no priority that a ticket can have.",
    "escalated": "“{}” is neither true nor false, so it is not known whether escalated tickets are meant.",
    "assigned_to": "“{}” is nobody who could have a ticket.",
    "requester": "“{}” is nobody who could have opened a ticket.",
    "sort": "“{}” is no order that the list can have.",
    "version": "“{}” is no version of a ticket: they are counted from 1.",
    "at": "“{}” is no event after which the ticket could be shown.",
    "as_of": "“{}” is no moment, such as 2026-11-23T09:00:00Z.",
    "actor": "“{}” is no id of somebody.",
}
"""What is said of a parameter that names what there cannot be."""
_NO_PAGE = "It names a page of a list that is not there: it was cut off, or belongs to a list with other filters."
_OF_A_PAGE = frozenset(("cursor", "page", "before", "history", "notes"))
"""What an address says of the page of a list; it goes all together."""


@dataclass(frozen=True, slots=True)
class Way:
    """Where a page that says no leads on to."""

    href: str
    text: str


def nearest(path: str, *, admin: bool) -> Way:
    """Return the list that an address stands under; for whoever is no admin never one that is the admins' alone."""
    for place, text in _PLACES:
        if (path == place or path.startswith(f"{place}/")) and (admin or not place.startswith(("/admin", "/audit"))):
            return Way(place, text)
    return Way(*_TICKETS)


def faults(refused: Refused, query: Mapping[str, str]) -> list[str]:
    """Return what is wrong with the parameters of an address, a sentence each."""
    wrong = refused.errors
    if refused.detail not in _GENERIC and not wrong.keys() <= {"", "cursor"}:
        return [refused.detail]
    return [_fault(name, said, query) for name, said in wrong.items()] or [refused.detail]


def _fault(name: str, said: str, query: Mapping[str, str]) -> str:
    if name == "cursor":
        return _NO_PAGE
    if not name:
        return f"The address {said[:1].lower()}{said[1:]}"
    value = query.get(name, "")
    if name in _FAULTS and value:
        return _FAULTS[name].format(value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…")
    return f"{name}: {sentence(said)}"


def without(path: str, query: Iterable[tuple[str, str]], wrong: Iterable[str]) -> Way:
    """Return the address without what is wrong with it, and from the first page on; with nothing, where nothing in it is named as wrong."""
    pairs, names = list(query), set(wrong)
    if names & _OF_A_PAGE:
        names |= _OF_A_PAGE
    if not names & {name for name, _ in pairs}:
        pairs = []
    kept = [(name, value) for name, value in pairs if name not in names | _OF_A_PAGE and value]
    text = "Show it from the beginning" if names & _OF_A_PAGE else "Show it without that"
    return Way(f"{path}?{urlencode(kept)}" if kept else path, text)
