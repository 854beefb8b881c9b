"""Why auth refuses, each with its own problem slug."""

from events.errors import Conflict, Invalid, NotFound, NotSignedIn


class InvalidCredentials(NotSignedIn):
    """The same words for an unknown e-mail, a wrong password and an account that is closed: nobody learns which it was."""

    code = "invalid-credentials"

    def __init__(self) -> None:
        super().__init__("The e-mail or the password is wrong.")


class EmailTaken(Conflict):
    code = "email-taken"

    def __init__(self) -> None:
        super().__init__("There is an account with this e-mail already.")


class LastAdmin(Conflict):
    code = "last-admin"

    def __init__(self) -> None:
        super().__init__("This is the last active admin who can sign in. Make somebody else an admin first.")


class AccountErased(Conflict):
    code = "erased"

    def __init__(self) -> None:
        super().__init__("This person was erased. Nothing of the account can change any more.")


class OtherEmail(Invalid):
    def __init__(self) -> None:
        super().__init__("Another e-mail than this person's was given.", [(("body", "email"), "is not the e-mail of this person")])


class TooManyTokens(Conflict):
    code = "too-many-tokens"

    def __init__(self, most: int) -> None:
        super().__init__(f"Nobody has more than {most} tokens at once. Revoke one first.")


class WrongPassword(Invalid):
    """The current password that came with a change is not the current one; the person is signed in, so this is no 401."""

    code = "wrong-password"

    def __init__(self) -> None:
        super().__init__("The current password is wrong.", [(("body", "current_password"), "is not your current password")])


class WeakPassword(Invalid):
    def __init__(self, field: str, reason: str) -> None:
        super().__init__("The password is too easy to guess.", [(("body", field), reason)])


class UserNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("There is no such user.")


class SessionNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("You have no such session.")


class TokenNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("You have no such token.")


class Erased(Conflict):
    """Somebody who was erased is not brought back by an import."""

    def __init__(self) -> None:
        super().__init__("They were erased from this desk.")
