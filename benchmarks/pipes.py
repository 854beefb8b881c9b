"""What a process of ours says to the one that started it."""

import sys


def write_line(text: str) -> None:
    """Write a line of any length, whole. An unbuffered stdout (PYTHONUNBUFFERED) may take a part only, and `print` would lose the rest."""
    left = memoryview(text.encode() + b"\n")
    while left:
        left = left[sys.stdout.buffer.write(left) or 0 :]
    sys.stdout.buffer.flush()
