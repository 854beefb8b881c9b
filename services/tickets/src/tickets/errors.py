"""Why the desk refuses, in its own words."""

from events.errors import Invalid, NotFound, NotPermitted


class TicketNotFound(NotFound):
    """Absent, or not the asker's to see: the answer is the same."""

    def __init__(self, number: int) -> None:
        super().__init__(f"There is no ticket {number} that you can see.")


class ContentIsTheRequesters(NotPermitted):
    def __init__(self) -> None:
        super().__init__("Only the person who opened a ticket changes its title and text.")


class AdminsOnly(NotPermitted):
    """`what` completes the sentence "Only admins …"."""

    def __init__(self, what: str) -> None:
        super().__init__(f"Only admins {what}.")


class NotAssignable(Invalid):
    """The assignee is no active admin, as far as this service has heard."""

    def __init__(self) -> None:
        message = "This is not an active admin."
        super().__init__(message, errors=[(("body", "assignee_id"), message)])
