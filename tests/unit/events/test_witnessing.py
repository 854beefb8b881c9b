"""What a witness believes: a log that grew, a key that was handed over, a restore that was recorded; nothing that contradicts it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.checkpoints import Signer, checkpoint_body
from events.ledger import Frontier, leaf_hash
from events.witnessing import NOTHING, Accepted, Cut, Memory, Offer, Rewritten, Seen, Tree, examine
from tests.support.logs import ORIGIN, SIGNER, SOURCE, Log
from tests.support.offers import log_of, restored, shown

SECOND, STRANGER = Signer(b"\x32" * 32, "ste/tickets"), Signer(b"\x07" * 32, "ste/tickets")
NEWER, NEWEST = "0193c4f0-0000-7000-8000-000000000002", "0193c4f0-0000-7000-8000-000000000003"
BLANK = Memory(SOURCE)


def tree(log: Log, size: int) -> Tree:
    frontier = Frontier()
    for stored in log.events[:size]:
        frontier.append(leaf_hash(stored.hash))
    return Tree(size, frontier.root())


def memory(log: Log, size: int, seen: int = 0) -> Memory:
    """Return what a witness knows who accepted a checkpoint over `size` events, and consumed up to `seen`."""
    return Memory(SOURCE, SIGNER.public_key, log.origin, tree(log, size), Seen(seen, log.events[seen - 1].hash) if seen else Seen())


def look(known: Memory, log: Log, base: Tree | None = None, **options: Any) -> Accepted | Cut | None:
    """Let a witness look at what a log shows of itself."""
    since = (known.tree if base is None else base).size
    return examine(known, Offer.of(shown(log, since=since, leaf=known.seen.sequence, **options)), base)


def accepted(verdict: Accepted | Cut | None) -> Accepted:
    assert isinstance(verdict, Accepted)
    return verdict


def test_the_first_look_pins_the_key_and_believes_the_tree() -> None:
    log = log_of(9)
    found = accepted(look(BLANK, log))
    assert (found.key, found.origin, found.tree, found.kept) == (SIGNER.public_key, ORIGIN, tree(log, 9), None)


def test_a_log_without_a_checkpoint_is_looked_at_later() -> None:
    assert look(BLANK, log_of(0)) is None
    with pytest.raises(Rewritten, match="no checkpoint any more"):
        look(memory(log_of(3), 3), log_of(0))


@settings(deadline=None)
@given(st.data())
def test_a_rewrite_of_what_was_witnessed_or_consumed_is_found_and_of_nothing_else(data: st.DataObject) -> None:
    """Chain, tree and checkpoint are made anew from the changed event on, and signed with the true key."""
    size = data.draw(st.integers(1, 40))
    witnessed = data.draw(st.integers(1, size))
    consumed = data.draw(st.integers(0, size))
    at = data.draw(st.integers(1, size))
    known = memory(log_of(size), witnessed, consumed)
    assert accepted(look(known, log_of(size))).tree.size == size
    forged = log_of(size, rewritten=at)
    if at <= max(witnessed, consumed):
        with pytest.raises(Rewritten):
            look(known, forged)
    else:
        accepted(look(known, forged))


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 40))
def test_a_tail_that_was_cut_off_is_found(size: int, left: int) -> None:
    known, log = memory(log_of(size), size), log_of(size)
    if left < size:
        with pytest.raises(Rewritten, match="vouches for"):
            look(known, log, size=left)


def test_an_event_that_was_consumed_beyond_the_checkpoint_is_looked_for_later() -> None:
    log = log_of(20)
    known = memory(log, 5, seen=20)
    assert accepted(look(known, log, size=10)).tree.size == 10
    with pytest.raises(Rewritten, match="Event 20 as it was consumed"):
        look(known, log_of(21, rewritten=15))


def test_a_new_key_is_believed_when_the_pinned_one_handed_over() -> None:
    log = log_of(9)
    known = memory(log, 5)
    assert accepted(look(known, log, signers=[SIGNER, SECOND])).key == SIGNER.public_key
    assert accepted(look(replace(known, key=SECOND.public_key), log, signers=[SIGNER, SECOND])).key == SECOND.public_key
    with pytest.raises(Rewritten, match="no record tells of a change"):
        look(known, log, signers=[SECOND])
    with pytest.raises(Rewritten, match="no record tells of a change"):
        look(known, log, signers=[STRANGER, SECOND])


def test_a_key_from_before_the_pinned_one_signs_nothing_any_more() -> None:
    log = log_of(9)
    offer = shown(log, since=5) | {"rotations": [SIGNER.hand_over_to(SECOND)]}
    with pytest.raises(Rewritten, match="None of the known keys"):
        examine(replace(memory(log, 5), key=SECOND.public_key), Offer.of(offer))


def test_records_that_nobody_signed_are_none() -> None:
    offer = shown(log_of(9)) | {"rotations": [STRANGER.hand_over_to(STRANGER)]}
    with pytest.raises(Rewritten, match="do not follow"):
        examine(BLANK, Offer.of(offer))


def test_the_checkpoint_of_another_log_is_none_of_this() -> None:
    offer = shown(log_of(9)) | {"note": SIGNER.sign(checkpoint_body(f"ste/auth/{ORIGIN}", 9, b"\x00" * 32))}
    with pytest.raises(Rewritten, match="another log"):
        examine(BLANK, Offer.of(offer))


def test_another_origin_without_a_recorded_restore_is_another_store() -> None:
    with pytest.raises(Rewritten, match="no signed restore tells why"):
        look(memory(log_of(9), 5), log_of(9, origin=NEWER))


def test_a_restore_that_kept_all_that_was_witnessed_is_growth() -> None:
    log = log_of(9)
    found = accepted(look(memory(log, 5, seen=7), restored(log, 8, NEWER, more=2)))
    assert (found.origin, found.tree.size, found.kept) == (NEWER, 11, 8)


def test_a_restore_that_cut_off_some_of_it_is_compared_from_what_it_kept() -> None:
    log = log_of(20)
    known, after = memory(log, 15, seen=18), restored(log, 8, NEWER, more=30)
    assert look(known, after) == Cut(8)
    assert accepted(look(known, after, base=tree(log, 6))).tree.size == 39
    assert accepted(look(known, after, base=NOTHING)).kept == 8
    forged = restored(log_of(20, rewritten=4), 8, NEWER, more=30)
    assert look(known, forged) == Cut(8)
    with pytest.raises(Rewritten, match="does not begin with the 6"):
        look(known, forged, base=tree(log, 6))


def test_restores_are_followed_one_after_the_other() -> None:
    log = log_of(20)
    once = restored(log, 12, NEWER, more=3)
    twice = restored(once, 13, NEWEST, more=1)
    known = memory(log, 15)
    assert look(known, twice) == Cut(12)
    assert accepted(look(known, twice, base=tree(log, 11))).origin == NEWEST
    assert accepted(look(memory(once, 13), twice)).kept == 13


def test_a_restore_that_tells_another_place_than_its_own_is_none() -> None:
    log = log_of(20)
    for told in (7, 9, 20):
        with pytest.raises(Rewritten, match="no signed restore"):
            look(memory(log, 5), restored(log, 8, NEWER, told=told))


def test_a_restore_that_does_not_stand_in_the_tree_is_none() -> None:
    log = log_of(9)
    offer = shown(log_of(12, origin=NEWER), since=5)
    offer["restores"] = shown(restored(log, 8, NEWER))["restores"]
    with pytest.raises(Rewritten, match="no signed restore"):
        examine(memory(log, 5), Offer.of(offer))


@pytest.mark.parametrize(
    "change",
    [
        {"note": 5},
        {"first": None},
        {"first": "ste"},
        {"rotations": None},
        {"rotations": [5]},
        {"consistency": [5]},
        {"inclusion": {"a": 5}, "consistency": "ab"},
        {"restores": [{}]},
        {"restores": [{"wire": "{}", "path": []}]},
        {"note": ""},
    ],
    ids=str,
)
def test_what_is_no_offer_is_never_believed(change: dict[str, Any]) -> None:
    log = log_of(9)
    with pytest.raises(Rewritten):
        examine(memory(log, 5, seen=7), Offer.of(shown(log, since=5, leaf=7) | change))
