"""What every test may ask for, and which tests run in one process, since they share a desk."""

import signal
from typing import Any

import pytest
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


@pytest.fixture
def anyio_backend() -> str:
    """Run asynchronous tests on asyncio alone: nats-py and uvicorn know no other loop."""
    return "asyncio"
