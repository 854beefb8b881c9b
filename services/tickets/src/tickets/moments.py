"""Moments of the desk's past. Pure."""

from dataclasses import dataclass

NO_END = 2**53 - 1
"""A sequence beyond every event's."""
NEVER = "9999-12-31T23:59:59.999999Z"
"""A time that no event is after."""


@dataclass(frozen=True, slots=True)
class When:
    """A moment: what happened by it are the events up to `sequence` in the log whose time is not after `time`.

    Within a stream both only grow, so these are its first so many events. With `sequence` fixed, nothing that comes later, not even an
    import of what happened before `time`, changes what is read.
    """

    sequence: int
    time: str = NEVER
