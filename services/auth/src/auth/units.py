"""Commands as units of the writer: what each reads, what it decides on that, and which rows beside the events it writes.

Keys: ("stream", "user/<id>"), ("email", key) → user id, ("hash", user), ("sessions", user) and ("tokens", user) → what is live by id,
("admins", "all") → ids of the active admins who can sign in; those of second factors are in `two_factor_store`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from auth import rows, two_factor_store
from auth.commands import ChangeAccount, CreateToken, Device, EraseUser, Register, SignIn
from auth.decider import (
    Account,
    Session,
    Sessions,
    Tokens,
    change_account,
    change_password,
    create_token,
    end_sessions,
    erase,
    is_effective_admin,
    others,
    own_session,
    own_token,
    refusal,
    refuse_sign_in,
    register,
    revoke_tokens,
    sign_in,
    sign_out,
    surplus,
)
from auth.errors import WrongPassword
from auth.rules import email_key
from auth.two_factor import Challenge, challenge, is_enabled, oldest
from auth.two_factor_store import challenges_of, two_factor_of
from events.decider import Context, Key, Transaction
from events.envelope import Actor
from events.erasures import note
from events.errors import Unavailable
from events.times import to_text

SYSTEM = Actor(kind="system", id="auth")
ADMINS: Key = ("admins", "all")


def stream_of(user: str) -> str:
    return f"user/{user}"


@dataclass(frozen=True, kw_only=True)
class RegisterUnit:
    """Open an account. Returns it. Raises EmailTaken. `hash` is None for who cannot sign in."""

    command: Register
    hash: str | None
    context: Context

    def reads(self) -> Iterable[Key]:
        email = ("email", email_key(self.command.email))
        return (email, ADMINS) if self.command.role == "admin" else (email,)

    def run(self, tx: Transaction) -> Account:
        command, email = self.command, email_key(self.command.email)
        account: Account = tx.append(stream_of(command.user), register(command, tx.state(("email", email))), self.context)
        tx.write(rows.INSERT_CREDENTIAL, rows.credential(command.user, email, self.hash, self.context.at))
        tx.put(("email", email), command.user)
        tx.put(("hash", command.user), self.hash)
        if account.role == "admin":
            _remember_admin(tx, account)
        return account


@dataclass(frozen=True, kw_only=True)
class SignInUnit:
    """Begin a session, or record that somebody tried. Returns the account, or None when the sign-in is refused.

    Where the password is not enough, nothing begins or ends yet: it returns a Challenge, by the digest `challenge`.

    `user` is None for an unknown e-mail; `stranger` is the stream that such an attempt goes to. `checked` is the hash that the password was
    compared with: it no longer counts if the password has been changed since. `replaced` is (user, session) of the cookie that came along.
    """

    user: str | None
    stranger: str
    right: bool
    checked: str | None
    challenge: str
    session: str
    digest: str
    device: Device
    replaced: tuple[str, str] | None
    context: Context

    def reads(self) -> Iterable[Key]:
        keys: list[Key] = []
        if self.user is not None:
            keys += [("stream", stream_of(self.user)), ("hash", self.user), ("sessions", self.user), two_factor_of(self.user)]
        if self.replaced is not None:
            keys.append(("sessions", self.replaced[0]))
        return keys

    def run(self, tx: Transaction) -> Account | Challenge | None:
        account: Account | None = tx.stream(stream_of(self.user)).state if self.user is not None else None
        if account is not None and account.erased:
            account = None  # nothing is written down about them any more, not even that somebody tried
        right = self.right and self.user is not None and tx.state(("hash", self.user)) == self.checked
        reason = refusal(account, password_was_right=right)
        if account is None or reason is not None:
            # nobody is known to have tried, so the actor is the service
            subject = self.stranger if account is None else stream_of(account.id)
            tx.append(subject, refuse_sign_in(account, reason or "unknown-email", self.device.address), replace(self.context, actor=SYSTEM))
            return None
        if is_enabled(tx.state(two_factor_of(account.id))):
            made = challenge(account.id, self.challenge, self.context.at)
            two_factor_store.add_challenge(tx, made, oldest(tx.state(challenges_of(account.id))))
            return made
        command = SignIn(user=account.id, session=self.session, device=self.device)
        begin_session(tx, account, command, digest=self.digest, replaced=self.replaced, context=self.context)
        return account


@dataclass(frozen=True, kw_only=True)
class SignOutUnit:
    user: str
    session: str
    device: Device
    context: Context

    def reads(self) -> Iterable[Key]:
        return (("sessions", self.user),)

    def run(self, tx: Transaction) -> None:
        """Nothing happens when something else has ended it first."""
        session = sessions_of(tx, self.user).get(self.session)
        if session is not None:
            tx.append(stream_of(self.user), sign_out(session, self.device), self.context)
            _strike(tx, self.user, [session], self.context)


@dataclass(frozen=True, kw_only=True)
class EndSessionsUnit:
    """End one of a person's sessions (`only`; raises SessionNotFound), or all `but` one."""

    user: str
    only: str | None = None
    but: str | None = None
    context: Context

    def reads(self) -> Iterable[Key]:
        return (("sessions", self.user),)

    def run(self, tx: Transaction) -> None:
        live = sessions_of(tx, self.user)
        end(tx, self.user, others(live, self.but) if self.only is None else [own_session(self.only, live)], self.context)


@dataclass(frozen=True, kw_only=True)
class ChangePasswordUnit:
    """Give somebody another password and end their sessions but one. `checked` is the hash that the current password was compared with.

    Raises WrongPassword when the password has been changed since it was compared.
    """

    user: str
    checked: str | None
    hash: str
    but: str | None
    context: Context

    def reads(self) -> Iterable[Key]:
        return (("stream", stream_of(self.user)), ("hash", self.user), ("sessions", self.user))

    def run(self, tx: Transaction) -> None:
        subject = stream_of(self.user)
        if tx.state(("hash", self.user)) != self.checked:
            raise WrongPassword
        tx.append(subject, change_password(tx.stream(subject).state), self.context)
        tx.write(rows.CHANGE_HASH, rows.changed_hash(self.user, self.hash, self.context.at))
        tx.put(("hash", self.user), self.hash)
        two_factor_store.forget_challenges(tx, self.user)
        end(tx, self.user, others(sessions_of(tx, self.user), self.but), self.context)


@dataclass(frozen=True, kw_only=True)
class ChangeAccountUnit:
    """Change somebody's role or activity; who is deactivated loses sessions and tokens for good. Returns the account."""

    command: ChangeAccount
    context: Context

    def reads(self) -> Iterable[Key]:
        user = self.command.user
        return (("stream", stream_of(user)), ("stream", stream_of(self.command.by)), ("sessions", user), ("tokens", user), ADMINS)

    def run(self, tx: Transaction) -> Account:
        subject = stream_of(self.command.user)
        before: Account | None = tx.stream(subject).state
        by: Account | None = tx.stream(stream_of(self.command.by)).state
        events = change_account(self.command, before, admins_of(tx), by)
        account: Account | None = tx.append(subject, events, self.context) if events else before
        assert account is not None  # or `change_account` had refused
        _remember_admin(tx, account)
        if not account.active:
            end(tx, account.id, list(sessions_of(tx, account.id).values()), self.context)
            revoke(tx, account.id, list(_tokens(tx, account.id)), self.context)
        return account


@dataclass(frozen=True, slots=True)
class Erased:
    """Who was erased, and when that was said first."""

    id: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class EraseUserUnit:
    """Erase a person: sessions, tokens and credentials are gone with the commit, and what else there is of them is taken away from then on.

    Returns who and when. Raises UserNotFound, NotPermitted, Invalid for another's e-mail, LastAdmin.
    """

    command: EraseUser
    context: Context

    def reads(self) -> Iterable[Key]:
        command = self.command
        asking = [("stream", stream_of(command.by))] if command.by is not None else []
        return (("stream", stream_of(command.user)), ("sessions", command.user), ("tokens", command.user), ADMINS, *asking)

    def run(self, tx: Transaction) -> Erased:
        user, subject = self.command.user, stream_of(self.command.user)
        before: Account | None = tx.stream(subject).state
        by: Account | None = tx.stream(stream_of(self.command.by)).state if self.command.by is not None else None
        events = erase(self.command, before, admins_of(tx), by, sessions=sessions_of(tx, user), tokens=_tokens(tx, user))
        if before is not None and events:
            account: Account = tx.append(subject, events, self.context)
            for id_ in sessions_of(tx, user):
                tx.write(rows.END_SESSION, {"session": id_, "at": to_text(self.context.at)})
            for id_ in _tokens(tx, user):
                tx.write(rows.REVOKE_TOKEN, {"token": id_, "at": to_text(self.context.at)})
            tx.write(rows.DROP_CREDENTIAL, {"user": user})
            two_factor_store.forget(tx, user)
            for kind in ("sessions", "tokens"):
                tx.put((kind, user), {})
            tx.put(("email", email_key(before.email)), None)
            tx.put(("hash", user), None)
            _remember_admin(tx, account)
            note(tx, user)
        at = tx.stream(subject).time
        assert at is not None, "whoever is erased has a history"
        return Erased(user, at)


@dataclass(frozen=True, kw_only=True)
class CreateTokenUnit:
    user: str
    command: CreateToken
    digest: str
    context: Context

    def reads(self) -> Iterable[Key]:
        return (("stream", stream_of(self.user)), ("tokens", self.user))

    def run(self, tx: Transaction) -> None:
        """Raises NotPermitted or TooManyTokens."""
        subject, tokens = stream_of(self.user), _tokens(tx, self.user)
        tx.append(subject, create_token(self.command, tx.stream(subject).state, tokens), self.context)
        token = rows.token_of(self.user, self.command)
        tx.write(rows.INSERT_TOKEN, rows.token(token, self.digest, self.command))
        tx.put(("tokens", self.user), {**tokens, token.id: token})


@dataclass(frozen=True, kw_only=True)
class RevokeTokenUnit:
    user: str
    token: str
    context: Context

    def reads(self) -> Iterable[Key]:
        return (("tokens", self.user),)

    def run(self, tx: Transaction) -> None:
        """Raises TokenNotFound."""
        revoke(tx, self.user, [self.token], self.context)


def admins_of(tx: Transaction) -> frozenset[str]:
    """Return the ids of the active admins who can sign in. Raises Unavailable while the list of people is being filled."""
    admins: frozenset[str] | None = tx.state(ADMINS)
    if admins is None:
        raise Unavailable("The list of people is being rebuilt.", retry_after=5)
    return admins


def begin_session(
    tx: Transaction, account: Account, command: SignIn, *, digest: str, replaced: tuple[str, str] | None, context: Context
) -> None:
    """Begin a session, and end those that give way to it.

    One is the session whose cookie the new one overwrites, whoever's it is: nobody could come back to it.
    """
    if replaced is not None:
        user, id_ = replaced
        end(tx, user, [session for session in sessions_of(tx, user).values() if session.id == id_], context)
    end(tx, account.id, surplus(sessions_of(tx, account.id)), context)
    tx.append(stream_of(account.id), sign_in(command, account), context)
    session = Session(id=command.session, user=account.id, device=command.device)
    tx.write(rows.INSERT_SESSION, rows.session(session, digest, context.at))
    tx.put(("sessions", account.id), {**sessions_of(tx, account.id), session.id: session})


def end(tx: Transaction, user: str, sessions: Sequence[Session], context: Context) -> None:
    """End sessions of a person by something else than a logout."""
    if sessions:
        tx.append(stream_of(user), end_sessions(sessions), context)
        _strike(tx, user, sessions, context)


def revoke(tx: Transaction, user: str, ids: Sequence[str], context: Context) -> None:
    live = _tokens(tx, user)
    tokens = [own_token(id_, live) for id_ in ids]
    if tokens:
        tx.append(stream_of(user), revoke_tokens(tokens), context)
        for id_ in ids:
            tx.write(rows.REVOKE_TOKEN, {"token": id_, "at": to_text(context.at)})
        tx.put(("tokens", user), {id_: token for id_, token in live.items() if id_ not in ids})


def _strike(tx: Transaction, user: str, sessions: Sequence[Session], context: Context) -> None:
    ended = {session.id for session in sessions}
    for id_ in sorted(ended):
        tx.write(rows.END_SESSION, {"session": id_, "at": to_text(context.at)})
    tx.put(("sessions", user), {id_: session for id_, session in sessions_of(tx, user).items() if id_ not in ended})


def _remember_admin(tx: Transaction, account: Account) -> None:
    """Let later units of the batch see who is an admin now. A list that is being filled stays unknown."""
    admins: frozenset[str] | None = tx.state(ADMINS)
    if admins is not None:
        tx.put(ADMINS, admins | {account.id} if is_effective_admin(account) else admins - {account.id})


def sessions_of(tx: Transaction, user: str) -> Sessions:
    """Return the sessions of a person that were not ended, by id."""
    live: Sessions = tx.state(("sessions", user))
    return live


def _tokens(tx: Transaction, user: str) -> Tokens:
    live: Tokens = tx.state(("tokens", user))
    return live
