from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.auth.visitors import Desk
from tests.support.house import house


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """auth alone, with its broker and nothing limited."""
    async with house(tmp_path, "auth") as made:
        yield Desk(made)
