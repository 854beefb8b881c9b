"""What every test may ask for."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Run asynchronous tests on asyncio alone: nats-py and uvicorn know no other loop."""
    return "asyncio"
