import contextlib
import json
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, StringConstraints, ValidationError

from chassis import bodies
from events.errors import Invalid

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
)


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff", "not UTF-8"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b'{"a":1,"a":2}', "a name stands twice in an object"),
        (b'{"a":{"b":1,"b":1}}', "a name stands twice in an object"),
        (b'{"a":NaN}', "not JSON: NaN and Infinity are no numbers"),
        (b"-Infinity", "not JSON: NaN and Infinity are no numbers"),
        (b"9223372036854775808", "a number is too large"),
        (b"1" * 5000, "a number is too large"),
        (b"1e999", "a number is too large"),
        (b'"\\u0000"', "a text contains a NUL character"),
        (b'{"a\\u0000":1}', "a text contains a NUL character"),
        (b'["\\ud800"]', "a text contains half of a surrogate pair"),
        (b'"\x00"', "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_what_two_readers_could_take_differently_is_refused(raw: bytes, rule: str) -> None:
    with pytest.raises(Invalid) as refused:
        bodies.check(raw)
    assert refused.value.facts["errors"] == [{"loc": ["body"], "msg": rule}]


@given(JSON)
def test_every_ordinary_value_passes(value: Any) -> None:
    bodies.check(json.dumps(value).encode())
    bodies.check(json.dumps(value, ensure_ascii=False).encode())


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    bodies.check(rb'"\\u0000"')


def test_a_pair_of_surrogates_is_one_letter() -> None:
    bodies.check(rb'"\ud83d\ude00"')


@given(st.binary())
def test_any_bytes_pass_or_are_invalid(raw: bytes) -> None:
    with contextlib.suppress(Invalid):
        bodies.check(raw)
        json.loads(raw)  # what passes is JSON for another reader too


@pytest.mark.parametrize("raw", [b"a=1&a=2", b"a=%00", b"a=%FF", b"&".join(b"p%d=1" % n for n in range(60)), b"a=\xff"])
def test_a_query_that_cannot_be_meant_is_refused(raw: bytes) -> None:
    with pytest.raises(Invalid):
        bodies.query(raw)


def test_a_query_keeps_empty_values_and_decodes_the_rest() -> None:
    assert bodies.query(b"q=&name=J%C3%B6rg+B") == {"q": "", "name": "Jörg B"}


@given(st.binary())
def test_any_query_passes_or_is_invalid(raw: bytes) -> None:
    try:
        values = bodies.query(raw)
    except Invalid:
        return
    assert all("\x00" not in text for pair in values.items() for text in pair)


class Sent(BaseModel):
    word: Annotated[str, StringConstraints(pattern="^[a-z]+$")] = "a"
    inner: "Sent | None" = None


@pytest.mark.parametrize(
    ("sent", "loc", "words"),
    [
        ({"word": "A"}, ["body", "word"], "is not spelled as it has to be; the document of the API has the pattern"),
        ({"inner": "x"}, ["body", "inner"], "Input should be an object"),
        ({"word": 1}, ["body", "word"], "Input should be a valid string"),
    ],
)
def test_a_broken_rule_is_told_in_words_of_the_reader_and_never_as_a_pattern(sent: Any, loc: list[str], words: str) -> None:
    with pytest.raises(ValidationError) as error:
        Sent.model_validate(sent)
    assert bodies.refused("body", error.value).facts["errors"] == [{"loc": loc, "msg": words}]
