"""Places of the feed: what was given out is known again, and nothing else."""

from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickets.errors import NoPlace
from tickets.places import BEGINNING, Places

OURS, THEIRS = Places("ab" * 32), Places("cd" * 32)
ORIGIN = "0193b3f1-9fa0-761a-802f-aec59d0d5465"
HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@settings(deadline=None)
@given(
    origin=st.uuids(),
    position=st.integers(1, 2**63 - 1),
    hash_=st.binary(min_size=32, max_size=32).map(bytes.hex),
)
def test_a_place_is_read_as_it_was_given_out(origin: UUID, position: int, hash_: str) -> None:
    place = OURS.open(OURS.seal(str(origin), position, hash_))
    assert place is not None
    assert (place.origin, place.position) == (str(origin), position)
    assert place.holds(hash_)
    assert not place.holds("0" * 64) or hash_.startswith("0" * 16)
    assert not place.holds(None)


def test_the_beginning_is_the_beginning_of_every_store() -> None:
    assert OURS.seal(ORIGIN, 0, "") == BEGINNING == "0"
    assert OURS.open(BEGINNING) is None


@settings(deadline=None)
@given(at=st.integers(0, 63), letter=st.sampled_from(ALPHABET))
def test_a_place_in_which_a_letter_was_changed_is_none(at: int, letter: str) -> None:
    text = OURS.seal(ORIGIN, 1042, HASH)
    changed = text[:at] + letter + text[at + 1 :]
    if changed != text:
        with pytest.raises(NoPlace):
            OURS.open(changed)


@pytest.mark.parametrize("bad", ["", "00", "1", " 0", "now", "A" * 63, "A" * 65, "A" * 64, "+" * 64, "é" * 64, "A" * 62 + "=="])
def test_what_was_never_a_place_is_none(bad: str) -> None:
    with pytest.raises(NoPlace):
        OURS.open(bad)


def test_a_place_of_another_desk_is_none() -> None:
    with pytest.raises(NoPlace):
        OURS.open(THEIRS.seal(ORIGIN, 1042, HASH))
