"""Desks for tests: one that nothing breaks, one that may be broken and is mended again, one without the demo."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.desk import Desk


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the empty HOME of the shared desk."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Iterator[Desk]:
    """Return a desk that is ready, with the demo. Whoever uses it may add to it, and breaks nothing."""
    with Desk(tmp_path_factory.mktemp("desk"), environment={"HOME": str(home)}) as running:
        yield running


@pytest.fixture(scope="session")
def rough(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Return a desk whose parts may be killed and paused, and are whole again when the test ends."""
    with Desk(tmp_path_factory.mktemp("rough")) as running:
        yield running


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Return a desk without the demo."""
    with Desk(tmp_path_factory.mktemp("bare"), demo=False) as running:
        yield running


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Desk]:
    """Return a desk of the test's own, not started."""
    desk = Desk(tmp_path / "desk")
    yield desk
    desk.end()
