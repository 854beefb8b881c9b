"""Waiting for servers that were just started."""

import time
import urllib.error
import urllib.request
from contextlib import suppress

_STARTED = 30.0


def wait_for(url: str, *, patience: float = _STARTED) -> None:
    """Return once the address answers with a 2xx. Raises TimeoutError."""
    end = time.monotonic() + patience
    while True:
        with suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(url, timeout=1).read()
            return
        if time.monotonic() > end:
            raise TimeoutError(f"{url} does not answer.")
        time.sleep(0.05)
