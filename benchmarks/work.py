"""How much of the processors something took, of this process and of those that it started and that have ended."""

import os


class Work:
    """Adds up the seconds of processor time of each block of a `with`."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> None:
        self.seconds -= sum(os.times()[:4])

    def __exit__(self, *_error: object) -> None:
        self.seconds += sum(os.times()[:4])
