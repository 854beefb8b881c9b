"""Sixty deaths on one desk at work: every point at least once. Nothing acknowledged is lost, nothing happens twice."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from events.failpoints import POINTS
from tests.faults.campaign import BIRTH
from tests.faults.evidence import Evidence
from tests.faults.failfile import Place, places
from tests.faults.rounds import Rounds, in_turn
from tests.faults.session import Session

pytestmark = pytest.mark.timeout(1200)

ROUNDS, SEED = 60, 11


def chosen() -> Iterator[Place]:
    """Yield as many places as there are rounds: of each point one, and whatever else the dice say."""
    dice = random.Random(SEED)
    left = places()
    dice.shuffle(left)
    first = {place.point: place for place in left}
    yield from first.values()
    yield from [place for place in left if place not in first.values()][: ROUNDS - len(first)]


def test_every_point_is_known_to_belong_to_somebody() -> None:
    some = list(chosen())
    assert len(some) == len(set(some)) == ROUNDS
    assert {place.point for place in some} == set(POINTS)


def test_wherever_a_service_dies_nothing_is_lost_and_nothing_happens_twice(tmp_path: Path) -> None:
    born_dying, *others = sorted(chosen(), key=lambda place: place.point != BIRTH)
    hit = [place for place in others if place.point != BIRTH]
    with Session(tmp_path, seed=SEED, pace=2.0, slack=60.0, born_dying=born_dying) as session:
        assert session.died_at is not None
        session.load.go_on(30)
        rounds = Rounds(session, overlap=True)
        rounds.run(in_turn(hit))
        assert rounds.glance().violations == []
        seen: list[Evidence] = []
        verdict = session.finish(seen.append)
    assert [f"{one.place}: {one.trouble}" for one in rounds.done if one.trouble] == []
    assert not verdict.violations, str(verdict)
    assert verdict.acknowledged > ROUNDS
    assert [what for evidence in seen for what, amount in evidence.amounts().items() if not amount] == []
