"""The bytes of an event: canonical, kept as they are, and refused when they are not what was chained."""

import enum
import json
from collections.abc import Callable
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from events.contracts import CATALOGUE
from events.contracts.ticket import TicketCreated
from events.envelope import (
    LARGEST_INTEGER,
    ZERO_HASH,
    StoredEvent,
    attributes_of,
    canonical,
    chain,
    digest,
    from_wire,
    head_of,
    personal_digest,
)

texts = st.text(st.characters(exclude_categories=["Cs"]))
ascii_keys = st.text(st.characters(max_codepoint=127))
scalars = st.none() | st.booleans() | st.integers(-LARGEST_INTEGER, LARGEST_INTEGER) | texts
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(ascii_keys, inner), max_leaves=20)
parts = st.dictionaries(ascii_keys, values, max_size=5)


def stored(data: dict[str, Any], personal: dict[str, Any] | None = None, **attributes: Any) -> StoredEvent:
    data_bytes = canonical(data)
    personal_bytes = None if personal is None else canonical(personal)
    salt = None if personal is None else "5a" * 16
    head = head_of(
        {
            "sequence": 1042,
            "id": "0193c4f0-0000-7000-8000-000000000001",
            "source": "/tickets",
            "origin": "0193c4f0-0000-7000-8000-000000000002",
            "type": "ticket.created",
            "dataversion": 1,
            "subject": "ticket/42",
            "streamversion": 7,
            "time": "2026-11-23T09:00:00.123456Z",
            "recordedtime": "2026-11-23T09:00:00.123457Z",
            "actorkind": "user",
            "actorid": "anna",
            "datadigest": digest(data_bytes),
            "personaldigest": None if personal_bytes is None else personal_digest(salt, personal_bytes),
            "personalof": None if personal is None else "anna",
            **attributes,
        }
    )
    prevhash = digest(b"the event before")
    return StoredEvent(
        **attributes_of(head),
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        head=head,
        data=data_bytes,
        personal=personal_bytes,
        salt=salt,
        prevhash=prevhash,
        hash=chain(prevhash, head),
    )


CREATED = stored(
    {"requester": "anna", "assignee": None, "number": 42, "priority": "high", "status": "open"}, {"title": "Ω “quoted” \\ ", "body": "\n\t"}
)


@pytest.mark.parametrize("part", ["head", "data", "personal"])
def test_the_same_said_in_other_bytes_is_refused(part: str) -> None:
    border = f'"{part}":{{'.encode()
    assert CREATED.wire().count(border) == 1
    with pytest.raises(ValueError, match="ticket"):
        from_wire(CREATED.wire().replace(border, border + b" "))


@given(values)
def test_canonical_bytes_are_those_of_rfc_8785(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@given(values)
def test_canonical_bytes_are_a_fixed_point(value: Any) -> None:
    assert canonical(json.loads(canonical(value))) == canonical(value)


class Colour(enum.StrEnum):
    RED = "red"


def test_a_word_of_an_enumeration_is_its_text() -> None:
    assert canonical({"colour": Colour.RED, "pair": (1, 2)}) == b'{"colour":"red","pair":[1,2]}'


FLOATS_AND_LARGE = [1.0, float("nan"), float("inf"), 2**53, -(2**53), 10**400]
SURROGATES_AND_KEYS = ["\ud800", "a\udfffb", {"é": 1}, {1: 2}, {"\ud800": 1}]


@pytest.mark.parametrize(
    "value",
    [*FLOATS_AND_LARGE, *SURROGATES_AND_KEYS, b"bytes", {1, 2}, ...],
    ids=repr,
)
def test_what_has_no_canonical_form_is_refused_at_any_depth(value: Any) -> None:
    for whole in (value, [value], {"a": [{"b": value}]}):
        with pytest.raises(ValueError):
            canonical(whole)


def test_the_largest_integers_are_kept() -> None:
    assert canonical([LARGEST_INTEGER, -LARGEST_INTEGER]) == b"[9007199254740991,-9007199254740991]"


def test_the_first_event_follows_thirty_two_zero_bytes() -> None:
    assert bytes.fromhex(ZERO_HASH) == bytes(32)
    assert chain(ZERO_HASH, b"{}") == digest(bytes(32) + b"{}")


def test_a_head_has_only_what_has_a_value() -> None:
    head = json.loads(CREATED.head)
    assert head["specversion"] == "1.0"
    assert {"imported", "tokenid", "causationid", "correlationid", "traceparent", "hash", "salt"}.isdisjoint(head)
    assert json.loads(stored({}, imported=True).head)["imported"] is True


def test_a_head_gives_back_the_columns_that_it_was_made_of() -> None:
    columns = attributes_of(CREATED.head)
    assert (columns["sequence"], columns["imported"], columns["tokenid"]) == (1042, False, None)
    assert head_of(columns) == CREATED.head


@pytest.mark.parametrize("head", [b"", b"[]", b"1", b"{}", b'{"specversion":"2.0"}'])
def test_what_is_no_head_is_refused(head: bytes) -> None:
    with pytest.raises(ValueError):
        attributes_of(head)


@given(parts, st.none() | parts)
def test_an_event_comes_off_the_wire_with_the_very_bytes_that_were_put_on_it(data: dict[str, Any], personal: dict[str, Any] | None) -> None:
    event = stored(data, personal)
    assert from_wire(event.wire()) == event


def test_the_wire_is_one_json_object_with_the_parts_verbatim() -> None:
    wire = CREATED.wire()
    assert set(json.loads(wire)) == {"head", "data", "personal", "salt", "prevhash", "hash", "traceparent"}
    assert all(part in wire for part in (CREATED.head, CREATED.data, CREATED.personal or b""))


def test_bytes_that_are_json_but_not_canonical_are_kept_as_they_came() -> None:
    """Whoever wrote them: they were chained like this, and are never written anew."""
    data = b'{ "b" : 1,\n "a" : 2 }'
    head = head_of({**attributes_of(CREATED.head), "datadigest": digest(data)})
    event = CREATED._replace(head=head, data=data, datadigest=digest(data), hash=chain(CREATED.prevhash, head))
    assert from_wire(event.wire()).data == data


def test_an_erased_event_passes_without_its_personal_part() -> None:
    erased = CREATED._replace(personal=None, salt=None)
    assert from_wire(erased.wire()) == erased
    assert erased.decode(CATALOGUE) == TicketCreated(requester="anna", assignee=None, number=42, priority="high", status="open")


def test_an_event_is_decoded_by_the_catalogue() -> None:
    assert CREATED.decode(CATALOGUE).title == "Ω “quoted” \\ "


@pytest.mark.parametrize("bit", range(8))
def test_every_changed_bit_on_the_wire_is_refused_or_outside_the_hash(bit: int) -> None:
    for at in range(len(CREATED.wire())):
        changed = bytearray(CREATED.wire())
        changed[at] ^= 1 << bit
        try:
            event = from_wire(bytes(changed))
        except (ValueError, KeyError, TypeError):
            continue
        assert event._replace(traceparent=CREATED.traceparent) == CREATED, at


@pytest.mark.parametrize("respelled", [str.upper, lambda text: f"{text} "], ids=["capitals", "space"])
def test_hex_digits_have_but_one_spelling_on_the_wire(respelled: Callable[[str], str]) -> None:
    for spelled, message in ((CREATED.prevhash, "hash"), (CREATED.hash, "hash"), (CREATED.salt or "", "personal part")):
        wire = CREATED.wire().replace(b'"%b"' % spelled.encode(), b'"%b"' % respelled(spelled).encode())
        assert wire != CREATED.wire()
        with pytest.raises(ValueError, match=message):
            from_wire(wire)


def test_a_salt_comes_only_with_what_it_salts() -> None:
    with pytest.raises(ValueError, match="salt"):
        from_wire(CREATED._replace(personal=None).wire())


@pytest.mark.parametrize(
    ("part", "message"),
    [({"head": CREATED.head.replace(b"anna", b"hans", 1)}, "hash"), ({"data": b"{}"}, "data"), ({"personal": b"{}"}, "personal")],
)
def test_a_changed_part_is_named(part: dict[str, bytes], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_wire(CREATED._replace(**part).wire())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wire",
    [b"", b"null", b"[]", b'"head"', b"{", b'{"head"', b'{"head":', b'{"head":1', b'{"head":1]', b"{1:2}", b"\xff", CREATED.wire() + b"x"],
)
def test_what_is_no_event_is_refused(wire: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        from_wire(wire)


def test_an_event_knows_its_entity_and_where_it_is_published() -> None:
    assert CREATED.entity == ("ticket", "42")
    assert CREATED.nats_subject == "events.tickets.ticket.42.created"
