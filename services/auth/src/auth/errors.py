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


class SecondFactorRequired(NotSignedIn):
    """The password was right, and is not enough. `challenge` is the secret to answer with a code; `expires_at` is RFC 3339."""

    code = "second-factor-required"

    def __init__(self, challenge: str, expires_at: str) -> None:
        super().__init__("Give a code of your authenticator app, or a recovery code.", challenge=challenge, expires_at=expires_at)


class InvalidCode(NotSignedIn):
    """The same words for a code that is wrong and one that was used. `tries_left` are those of this sign-in."""

    code = "invalid-code"

    def __init__(self, tries_left: int) -> None:
        then = "Each works once: wait for the next one." if tries_left else "Sign in again."
        super().__init__(f"The code is wrong or was used already. {then}", tries_left=tries_left)


class ChallengeOver(NotSignedIn):
    """The same words for a challenge that never was, was answered, has run out, or saw too many wrong codes."""

    code = "challenge-over"

    def __init__(self) -> None:
        super().__init__("This sign-in took too long, or is done. Sign in again.")


class WrongCode(Invalid):
    """As `WrongPassword`, of a code."""

    code = "wrong-code"

    def __init__(self) -> None:
        told = [(("body", "code"), "is wrong or was used already: wait for the next one")]
        super().__init__("The code is wrong or was used already.", told)


class TwoFactorEnabled(Conflict):
    code = "two-factor-enabled"

    def __init__(self) -> None:
        super().__init__("Two-factor sign-in is on already. Turn it off first to begin with another device.")


class TwoFactorNotEnabled(Conflict):
    code = "two-factor-not-enabled"

    def __init__(self) -> None:
        super().__init__("Two-factor sign-in is not on.")


class NoEnrolment(Conflict):
    code = "no-enrolment"

    def __init__(self) -> None:
        super().__init__("No two-factor sign-in waits to be confirmed: none was begun in the last hour. Begin again.")


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
