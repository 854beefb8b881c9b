"""What the tests of pages over services in this process share."""

import pytest


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Let the tests of a file share a loop, and so a desk."""
    return "asyncio"
