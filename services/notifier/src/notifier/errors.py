"""Why the notifier refuses, in its own words."""

from events.errors import Conflict, NotFound


class NotificationNotFound(NotFound):
    """Absent, or another person's: the answer is the same."""

    def __init__(self) -> None:
        super().__init__("You have no such notification.")


class JobNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("There is no such job.")


class NotDead(Conflict):
    """Only what has used up its tries is tried again by hand. What became of an `unknown` job nobody can say: it is never repeated."""

    code = "not-dead"

    def __init__(self, status: str) -> None:
        super().__init__(f"Only a dead job can be retried; this one is {status}.", job_status=status)
