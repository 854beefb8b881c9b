"""Ids: UUIDs of version 7 (RFC 9562), strictly rising within one generator."""

from collections.abc import Callable
from datetime import datetime
from threading import Lock

_RANDOM_BITS = 74


def uuid7_generator(now: Callable[[], datetime], random_bytes: Callable[[int], bytes]) -> Callable[[], str]:
    """Return a thread-safe function that gives a new UUIDv7 as text.

    The 74 random bits are a counter that starts at random in each millisecond (RFC 9562, 6.2, method 2), so ids that one generator gives
    rise even when the clock stands still or steps back.
    """
    lock = Lock()
    last_ms, last_bits = 0, 0

    def new_id() -> str:
        nonlocal last_ms, last_bits
        with lock:
            ms = int(now().timestamp() * 1000)
            if ms > last_ms:
                # the top bit stays free, so that counting up does not run over within a millisecond
                last_ms, last_bits = ms, int.from_bytes(random_bytes(10)) >> (80 - _RANDOM_BITS + 1)
            else:
                last_bits += 1 + int.from_bytes(random_bytes(4))
            value = (last_ms << 80) | (0x7 << 76) | ((last_bits >> 62) << 64) | (0b10 << 62) | (last_bits & ((1 << 62) - 1))
        digits = f"{value:032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    return new_id
