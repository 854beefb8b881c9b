"""Why the desk refuses, in its own words."""

from events.errors import Conflict, DomainError, Invalid, NotFound, NotPermitted


class TicketNotFound(NotFound):
    """Absent, or not the asker's to see: the answer is the same."""

    def __init__(self, number: int) -> None:
        super().__init__(f"There is no ticket {number} that you can see.")


class NotThen(NotFound):
    """The ticket is the asker's to see, but there was none at that moment, or none of that version."""

    def __init__(self, number: int, *, version: int | None, current: int) -> None:
        what = "was opened after that moment" if version is None else f"has no version {version}: its last is {current}"
        super().__init__(f"Ticket {number} {what}.")


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


class NoPlace(Invalid):
    """A position that is none of this store's journal: made up, changed, another desk's, or from a history that was never restored."""

    def __init__(self, where: tuple[str, str] = ("query", "after")) -> None:
        rule = "must be a position that this desk gave out, as it was given out; 0 for the beginning, now for the end"
        super().__init__("This is no position of this desk's events.", [(where, rule)])


class CutOff(DomainError):
    """A position beyond what a restore kept. `cut` is the position of the last event that was kept."""

    code = "cut-off"

    def __init__(self, cut: str) -> None:
        super().__init__(
            "This desk was restored, and what you have read last is no longer part of its history. Forget what you have read after the "
            "position that `cut` names, and go on from there.",
            cut=cut,
        )


class JournalBroken(Conflict):
    """An event of the journal is not what was written, or is gone, so it can be neither shown nor passed on. The log says which."""

    code = "log-broken"

    def __init__(self) -> None:
        super().__init__(
            "An event that belongs here is not what was written. Let the stores be verified: that says which; then restore a backup."
        )
