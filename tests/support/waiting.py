"""Waiting for what another process does."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(look: Callable[[], T], *, within: float = 10.0, what: str = "it") -> T:
    """Look again and again until there is something; return that. Raises AssertionError after `within` seconds."""
    end = time.monotonic() + within
    while not (found := look()):
        assert time.monotonic() < end, f"{what} did not come about within {within:.0f} s; the last look gave {found!r}"
        time.sleep(0.02)
    return found
