"""History as JSON lines: one object a line says what somebody did to a ticket. docs/import.md has the format. Pure."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import IO, Any, NoReturn, get_args

from deploy.importing.history import LONGEST_LINE, Broken, Change, Opening, Said, flaw, lines_of, plain

STATUSES = ("open", "in_progress", "resolved")
PRIORITIES = ("low", "normal", "high", "urgent")
_OPENING = ("title", "requester", "opened_at", "body", "fields")
_KNOWN = frozenset(("number", "row", "at", "by", *get_args(Said), *_OPENING))
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
_SHOWN = 40


class _Refused(ValueError):
    """A line cannot be read; the message is the reason."""


def read(file: IO[bytes]) -> Iterator[Change | Broken]:
    """Yield the lines of the file, each as a change or as broken; empty lines are passed over."""
    for number, raw in enumerate(lines_of(file), 1):
        if raw.strip():
            try:
                yield _change(number, _object(raw))
            except _Refused as error:
                yield Broken(number, str(error))


def _object(raw: bytes) -> dict[str, Any]:
    if len(raw) > LONGEST_LINE:
        raise _Refused(f"is longer than {LONGEST_LINE:,} bytes")
    try:
        value = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except _Refused:
        raise
    except UnicodeDecodeError:
        raise _Refused("is not UTF-8") from None
    except (ValueError, RecursionError):  # the former also for a number of very many digits
        raise _Refused("is not JSON") from None
    if not isinstance(value, dict):
        raise _Refused("is no JSON object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Refused("has a name twice in one object")
    return members


def _no_constant(_: str) -> NoReturn:
    raise _Refused("is not JSON: NaN and Infinity are no numbers")


def _change(line: int, value: dict[str, Any]) -> Change:
    unknown = sorted(value.keys() - _KNOWN)
    if unknown:
        raise _Refused(f"has {unknown[0][:_SHOWN]!r}, which is not known here")
    said: dict[Said, str | None] = {}
    if "assignee" in value:
        said["assignee"] = None if value["assignee"] is None else _name(value, "assignee")
    if "priority" in value:
        said["priority"] = _one_of(PRIORITIES, value, "priority")
    if "status" in value:
        said["status"] = _one_of(STATUSES, value, "status")
    if "note" in value:
        said["note"] = _text(value, "note")
    by, at = _name(value, "by"), _time(value, "at")
    row = _key(value, "row") if "row" in value else None
    return Change(line=line, number=_key(value, "number"), at=at, by=by, said=said, opening=_opening(value, by, at), row=row)


def _opening(value: dict[str, Any], by: str, at: datetime) -> Opening | None:
    if "title" not in value:
        lost = [name for name in _OPENING if name in value]
        if lost:
            raise _Refused(f"has {' and '.join(lost)}, which only a line with a title may have")
        return None
    fields = value.get("fields", {})
    if not isinstance(fields, dict) or not all(isinstance(each, str) for each in fields.values()):
        raise _Refused("has fields that are no object of texts")
    _check("".join([*fields, *fields.values()]))
    return Opening(
        requester=_name(value, "requester") if "requester" in value else by,
        at=_time(value, "opened_at") if "opened_at" in value else at,
        title=_text(value, "title"),
        body=_text(value, "body") if "body" in value else "",
        fields=fields,
    )


def _text(value: dict[str, Any], name: str) -> str:
    text = value.get(name)
    if not isinstance(text, str) or not text.strip():
        raise _Refused(f"has no {name}" if name not in value else f"has no text as {name}")
    return _check(text).strip()


def _check(text: str) -> str:
    if wrong := flaw(text):
        raise _Refused(wrong)
    return text


def _name(value: dict[str, Any], name: str) -> str:
    return plain(_text(value, name))


def _key(value: dict[str, Any], name: str) -> str:
    key = value.get(name)
    return str(key) if isinstance(key, int) and not isinstance(key, bool) else _name(value, name)


def _one_of(words: tuple[str, ...], value: dict[str, Any], name: str) -> str:
    word = _text(value, name)
    if word not in words:
        raise _Refused(f"has a {name} that is none of {', '.join(words)}")
    return word


def _time(value: dict[str, Any], name: str) -> datetime:
    text = _text(value, name)
    try:
        if _RFC_3339.fullmatch(text):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise _Refused(f"has the {name} {text[:_SHOWN]!r}, which is no time as 2016-02-29T01:23:00Z")
