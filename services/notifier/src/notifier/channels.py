"""Ways out of the house, such as mail: what the worker asks of them, and what they say when they fail."""

from typing import Protocol

from notifier.jobs import Job


class Channel(Protocol):
    """Carries out the jobs of one type. Its name is the type, as "email"."""

    @property
    def repeatable(self) -> bool:
        """Whether doing it twice is as good as doing it once. Where not, what may have been done is never done again by itself."""

    async def deliver(self, job: Job) -> None:
        """Do it. Raises NotDelivered when nothing has happened yet, Refused when it never will; anything else may have happened.

        Their messages are shown to admins, so they hold nothing personal.
        """


class NotDelivered(Exception):
    """Nothing has happened; the same may succeed later."""


class Refused(Exception):
    """Nothing has happened, and it never will: the address does not exist, say."""
