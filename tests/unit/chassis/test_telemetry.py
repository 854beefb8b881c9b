"""What is written to the log, and what never is."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from chassis.telemetry import configure_logging


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Log as a process of its own does, to where it can be read, and put back what was there."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers, root.level
    configure_logging("auth", "info")
    (handler,) = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    yield stream
    root.handlers = handlers
    root.setLevel(level)


def test_a_traceback_tells_where_it_broke_and_not_what_was_sent(written: io.StringIO) -> None:
    def compare(_password: str) -> None:
        raise RuntimeError("It broke.")

    try:
        compare("hunter2-7f3a")
    except RuntimeError:
        logging.getLogger("chassis.door").exception("A request ended in an error of ours.")
    assert "hunter2-7f3a" not in written.getvalue()
    (told,) = json.loads(written.getvalue())["exception"]
    assert (told["exc_type"], told["frames"][-1]["name"]) == ("RuntimeError", "compare")
