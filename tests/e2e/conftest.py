"""One desk for all tests of a worker that change nothing which another could miss; those that break things start their own."""

from collections.abc import Iterator

import pytest

from tests.support.desk import Desk


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Return a desk that is ready, with the demo."""
    with Desk(tmp_path_factory.mktemp("desk")) as running:
        yield running
