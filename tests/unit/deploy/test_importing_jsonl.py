"""What a line of JSON says, in the desk's words; the example of the documentation is one that can be read."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deploy.importing.history import LONGEST_LINE, Broken, Change
from deploy.importing.jsonl import read

DOCS = Path(__file__).parents[3] / "docs"
OPENS = {"number": "A-1", "at": "2016-02-29T01:23:00Z", "by": "Anna  Lund ", "title": "No coffee"}


def items(*lines: str | bytes | dict[str, Any]) -> list[Change | Broken]:
    raw = [json.dumps(each) if isinstance(each, dict) else each for each in lines]
    return list(read(io.BytesIO(b"\n".join(each.encode() if isinstance(each, str) else each for each in raw))))


def change(**values: Any) -> Change:
    (found,) = items({**OPENS, **values})
    assert isinstance(found, Change), found
    return found


def test_a_line_with_a_title_opens_a_ticket_then_and_for_whoever_wrote_it() -> None:
    found = change()
    assert (found.line, found.number, found.by, found.said, found.row) == (1, "A-1", "Anna Lund", {}, None)
    assert found.at == datetime(2016, 2, 29, 1, 23, tzinfo=UTC)
    assert found.opening is not None
    assert (found.opening.requester, found.opening.at, found.opening.title) == ("Anna Lund", found.at, "No coffee")
    assert found.opening.text(()) == "No coffee"


def test_a_ticket_may_have_been_opened_by_somebody_else_and_before() -> None:
    found = change(requester="Ben Otis", opened_at="2016-02-28T23:00:00+01:00", body="The machine blinks.", fields={"floor": "2"})
    assert found.opening is not None
    assert (found.opening.requester, found.opening.at) == ("Ben Otis", datetime(2016, 2, 28, 22, tzinfo=UTC))
    assert found.opening.text(()) == "The machine blinks.\nfloor: 2"


def test_a_line_says_only_what_stands_in_it() -> None:
    later = {"number": 7, "row": 3, "at": "2016-02-29T01:23:00.5Z", "by": "Ben"}
    (found,) = items({**later, "assignee": None, "priority": "urgent", "status": "resolved", "note": " Done. "})
    assert isinstance(found, Change)
    assert (found.number, found.row, found.opening) == ("7", "3", None)
    assert found.said == {"assignee": None, "priority": "urgent", "status": "resolved", "note": "Done."}
    assert change(assignee="Cleo  Ray").said == {"assignee": "Cleo Ray"}


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"at": "29-02-2016 01:23"}, "at '29-02-2016 01:23'"),
        ({"at": "2016-02-30T01:23:00Z"}, "no time"),
        ({"at": "0001-01-01T00:00:00+14:00"}, "no time"),
        ({"at": "2016-02-29T01:23:00"}, "no time"),  # of which zone?
        ({"at": 1456708980}, "has no text as at"),
        ({"by": ""}, "has no text as by"),
        ({"by": ["Anna"]}, "has no text as by"),
        ({"number": True}, "has no text as number"),
        ({"number": 1.5}, "has no text as number"),
        ({"status": "closed"}, "none of open, in_progress, resolved"),
        ({"priority": "P1"}, "none of low, normal, high, urgent"),
        ({"assignee": ""}, "has no text as assignee"),
        ({"fields": {"floor": 2}}, "fields"),
        ({"stauts": "open"}, "stauts"),
        ({"title": "a\x00b"}, "NUL"),
        ({"title": "a\ud800b"}, "UTF-8"),
        ({"fields": {"a\x00": "b"}}, "NUL"),
        ({"fields": {"a": "\udfff"}}, "UTF-8"),
    ],
)
def test_a_line_that_cannot_be_meant_says_why(values: dict[str, Any], why: str) -> None:
    (found,) = items({**OPENS, **values})
    assert isinstance(found, Broken)
    assert why in found.reason


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"number": ' + "1" * 5_000 + "}", "is not JSON"),
        ("[]", "is no JSON object"),
        ("null", "is no JSON object"),
        (b'{"by": "\xe9"}', "is not UTF-8"),
        ('{"by": "a", "by": "b"}', "has a name twice in one object"),
        ('{"by": NaN}', "is not JSON: NaN and Infinity are no numbers"),
        ("{}", "has no by"),
        ("x" * (LONGEST_LINE + 1), "is longer than 1,000,000 bytes"),
        ('{"number": "1", "at": "2016-02-29T01:23:00Z", "by": "a", "body": "b", "fields": {}}', "has body and fields, which only"),
    ],
)
def test_what_is_no_such_line_is_broken_alone(raw: str | bytes, why: str) -> None:
    broken, sound = items(raw, OPENS)
    assert isinstance(broken, Broken)
    assert broken.line == 1
    assert broken.reason.startswith(why)
    assert isinstance(sound, Change)
    assert sound.line == 2


def test_a_text_that_only_looks_like_something_bad_is_none() -> None:
    opening = change(title="a \\u0000 in a path").opening
    assert opening is not None
    assert opening.title == "a \\u0000 in a path"


def test_empty_lines_are_passed_over() -> None:
    assert [each.line for each in items("", OPENS, "  ", OPENS)] == [2, 4]


def test_the_example_of_the_documentation_can_be_read() -> None:
    text = (DOCS / "import.md").read_text(encoding="utf-8")
    _, _, rest = text.partition("```json\n")
    example, _, _ = rest.partition("```")
    found = items(*example.splitlines())
    assert len(found) > 4
    assert [item for item in found if isinstance(item, Broken)] == []
