"""What every test may ask for, and which tests run in one process, since they share a desk."""

import gc
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.dependencies import models as dependencies
from xdist.scheduler import LoadScopeScheduling

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # begun in the background of a shell: what we start would never hear of Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)

_TOGETHER = {
    "tests/contract/test_matrix.py": "matrix",
    "tests/contract/": "contract",
    "tests/e2e/web/": "pages",
    "tests/e2e/": "desk",
    "tests/faults/": "faults",
}


class ByDesk(LoadScopeScheduling):  # type: ignore[misc] # it comes without types
    """Gives a file to one process, and all files that share a desk to the same one.

    In place of the mark `xdist_group`, which is passed over in silence: https://github.com/pytest-dev/pytest-xdist/issues/1386.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((group for start, group in _TOGETHER.items() if file.startswith(start)), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByDesk:
    return ByDesk(config, log)


_KEPT = [cache for cache in vars(dependencies).values() if hasattr(cache, "cache_clear")]
"""Where FastAPI keeps the functions of the last thousands of routes, and with them the services that these are of."""


@pytest.fixture(scope="module", autouse=True)
def nothing_left() -> Iterator[None]:
    """Let a file's services go at its end: hundreds of them take a gigabyte, and what one left open is told of in its own file."""
    yield
    if any(cache.cache_info().currsize for cache in _KEPT):
        for cache in _KEPT:
            cache.cache_clear()
        gc.collect()


@pytest.fixture
def anyio_backend() -> str:
    """Run asynchronous tests on asyncio alone: nats-py and uvicorn know no other loop."""
    return "asyncio"
