"""Sentences of the API that name times, as a reader sees them."""

from datetime import UTC, datetime
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from jinja2.runtime import Context

from web.rendering import _TEMPLATES, _timed

VISIT = SimpleNamespace(preferences=SimpleNamespace(zone=ZoneInfo("Europe/Vienna")))


@pytest.fixture
def reader() -> Context:
    return _TEMPLATES.from_string("").new_context({"now": datetime(2026, 11, 27, 12, tzinfo=UTC), "visit": VISIT})


def test_a_time_in_a_sentence_is_shown_in_the_readers_zone(reader: Context) -> None:
    assert _timed(reader, "It is not due before 2026-11-28T10:09:27Z, and was not before 2026-11-27T06:00:00.5Z.") == (
        'It is not due before <time datetime="2026-11-28T10:09:27+00:00" title="2026-11-28 11:09:27 CET">28 Nov, 11:09</time>, '
        'and was not before <time datetime="2026-11-27T06:00:00.500000+00:00" title="2026-11-27 07:00:00 CET">today, 07:00</time>.'
    )


@pytest.mark.parametrize("name", ["2026-13-01T00:00:00Z", "9999-12-31T23:59:59Z", "٢٠٢٦-11-28T10:09:27Z"])
def test_a_name_that_looks_like_a_time_is_shown_as_it_is(reader: Context, name: str) -> None:
    assert _timed(reader, f"{name} wrote a note.") == f"{name} wrote a note."


def test_what_else_a_sentence_says_is_escaped(reader: Context) -> None:
    assert _timed(reader, "<b>Ada</b> & 2026-11-28") == "&lt;b&gt;Ada&lt;/b&gt; &amp; 2026-11-28"
