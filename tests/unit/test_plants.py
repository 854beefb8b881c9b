"""The faults that are planted follow the code that they are planted into."""

from pathlib import Path

import pytest

from tests.plants.plants import PLANTS, Plant

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_a_plant_has_its_place_and_tests_that_may_notice(plant: Plant) -> None:
    assert (ROOT / plant.file).read_text(encoding="utf-8").count(plant.sound) == 1
    assert plant.rotten != plant.sound
    assert [test for test in plant.tests if not (ROOT / test).exists()] == []
