"""Entries of the audit, and the seal over them, as the pages show them. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, datetime
from typing import Any, Literal

from web import audit_words, differences, diffs, times, words
from web.differences import ABSENT

_PEOPLE = frozenset(("requester", "assignee", "author", "user", "recipient"))
"""Fields that hold somebody's id."""
_WRITTEN = frozenset(("title", "body", "name", "email", "agent", "q"))
"""Fields that hold what people wrote, which may look like anything."""
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z", re.ASCII)
_NAMED: Mapping[str, Mapping[str, str]] = {"status": words.STATUSES, "priority": words.PRIORITIES}


@dataclass(frozen=True, slots=True)
class Value:
    """What a field held. `id` is set of a person, `at` of a moment."""

    text: str
    id: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One field: `before` and `after` are None where it was not there; `parts` is a text compared word by word."""

    label: str
    before: Value | None
    after: Value | None
    parts: list[diffs.Part] | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry: `who` in words, `what` was done, `of` what, and `to` a page of that, if there is one."""

    raw: Mapping[str, Any]
    who: str
    what: str
    of: str
    to: str
    rows: list[Row]

    @property
    def imported(self) -> bool:
        return bool(self.raw.get("imported"))


def entries(items: list[dict[str, Any]], people: Mapping[str, str | None]) -> list[Entry]:
    """Return the entries of a page; `people` are names by id, to which those who acted on this page are added."""
    known = {**people, **{item["actor"]["id"]: item["actor"]["name"] for item in items if item["actor"]["kind"] != "system"}}
    return [_entry(item, known) for item in items]


def _entry(item: dict[str, Any], people: Mapping[str, str | None]) -> Entry:
    actor, entity = item["actor"], item["entity"]
    who = audit_words.system(actor["id"]) if actor["kind"] == "system" else actor["name"] or "erased person"
    if actor["kind"] == "token":
        who += " (by an API token)"
    return Entry(item, who, audit_words.deed(item["action"]), _named(entity, people), place(entity), rows(item, people))


def _named(entity: Mapping[str, Any], people: Mapping[str, str | None]) -> str:
    kind, id_ = entity["type"], entity["id"]
    if kind == "ticket":
        return f"Ticket #{id_}"
    if kind == "user" and id_ in people:
        return people[id_] or "erased person"
    return f"{audit_words.ENTITIES.get(kind, kind)} {short(id_)}"


def place(entity: Mapping[str, Any]) -> str:
    """Return the address of the page of an entity, "" if it has none."""
    match entity["type"]:
        case "ticket":
            return f"/tickets/{entity['id']}"
        case "user":
            return f"/admin/people/{entity['id']}"
        case "policy":
            return f"/admin/policies/{entity['id']}"
        case "job":
            return "/admin/jobs"
        case _:
            return ""


def rows(item: Mapping[str, Any], people: Mapping[str, str | None]) -> list[Row]:
    """Return what an entry changed, a field a row."""
    return [_row(change, people) for change in differences.changes(item["before"], item["after"])]


def _row(change: differences.Change, people: Mapping[str, str | None]) -> Row:
    label, field = audit_words.label(change.path), change.path[-1] if change.path else ""
    before, after = (None if value is ABSENT else value_of(field, value, people) for value in (change.before, change.after))
    if field in ("title", "body") and isinstance(change.before, str) and isinstance(change.after, str):
        return Row(label, before, after, diffs.shown(diffs.between(change.before, change.after)))
    return Row(label, before, after)


def value_of(field: str, value: Any, people: Mapping[str, str | None]) -> Value:
    """Return how a value of a field is shown."""
    match value:
        case None | True | False:
            return Value({None: "nothing", True: "yes", False: "no"}[value])
        case [] | {}:
            return Value("none")
        case list():
            return Value(", ".join(value_of(field, inner, people).text for inner in value))
        case str() if field in _PEOPLE:
            return Value((people[value] or "erased person") if value in people else f"person {short(value)}", id=value)
        case str() if field not in _WRITTEN and (at := _moment(value)):
            return Value(value, at=at)
        case _:
            text = str(value)
            return Value(differences.clip(_NAMED.get(field, {}).get(text, text)))


def _moment(text: str) -> datetime | None:
    """Return the moment that a text is, None for what is none that clocks of every zone can show."""
    if not _TIME.fullmatch(text):
        return None
    try:
        at = times.parse(text)
    except ValueError:
        return None
    return at if MINYEAR < at.year < MAXYEAR else None


def short(id_: str) -> str:
    """Return enough of an id to tell it from others on a page: the end, which is random."""
    return id_ if len(id_) <= 12 else f"…{id_[-8:]}"


# -- the seal -----------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seal:
    """What the last verification found. `done` and `of` are events, while one runs."""

    state: Literal["good", "bad", "unknown", "never"]
    checked_at: str | None = None
    stores: tuple[Mapping[str, Any], ...] = ()
    running: bool = False
    done: int = 0
    of: int = 0

    @property
    def events(self) -> int:
        return sum(store["events"] for store in self.stores)


def seal_of(facts: Mapping[str, Any] | None, progress: str | None) -> Seal:
    """Return the seal; `facts` is what the service says of the last verification, None: there was none, `progress` as "120/200"."""
    done, _, of = (progress or "").partition("/")
    far = (int(done), int(of)) if done.isdecimal() and of.isdecimal() else (0, 0)
    running = progress is not None
    if facts is None:
        return Seal("never", running=running, done=far[0], of=far[1])
    stores = tuple(facts["stores"])
    state: Literal["good", "bad", "unknown"] = "good" if facts["ok"] else "unknown"
    if any(store["ok"] is False for store in stores):
        state = "bad"
    return Seal(state, facts["checked_at"], stores, running, *far)


# -- what is asked for ------------------------------------------------------------------------------------------------------------------

ASKED = ("q", "actor", "action", "entity", "entity_id", "since", "until")
"""The filters, as the address of the page names them; the API's but for the times, which are local."""
