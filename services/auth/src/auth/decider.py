"""What happens to accounts, sessions and tokens: facts in, events out. Pure."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from auth.access import may_grant, may_manage_accounts, may_sign_in
from auth.commands import ChangeAccount, CreateToken, Device, EraseUser, Refusal, Register, SignIn
from auth.errors import (
    AccountErased,
    EmailTaken,
    InvalidCredentials,
    LastAdmin,
    OtherEmail,
    SessionNotFound,
    TokenNotFound,
    TooManyTokens,
    UserNotFound,
)
from auth.rules import MOST_SESSIONS, MOST_TOKENS, email_key
from events.catalogue import type_of
from events.contracts.user import (
    TokenCreated,
    TokenRevoked,
    UserDeactivated,
    UserErased,
    UserLoggedIn,
    UserLoggedOut,
    UserLoginFailed,
    UserPasswordChanged,
    UserReactivated,
    UserRegistered,
    UserRoleChanged,
    UserSessionEnded,
)
from events.decider import Fact, Fold
from events.errors import NotPermitted, NotSignedIn
from events.times import to_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person, as the events of `user/<id>` make them. After an erasure `name` and `email` are empty."""

    id: str
    name: str
    email: str
    role: str
    active: bool
    can_sign_in: bool
    created_at: datetime
    erased: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session that was not ended, by its public id."""

    id: str
    user: str
    device: Device


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An API token that was not revoked, by its public id."""

    id: str
    user: str
    name: str
    expires_at: datetime


Sessions = Mapping[str, Session]
Tokens = Mapping[str, Token]


def evolve(account: Account | None, fact: Fact) -> Account | None:
    match fact.event:
        case UserRegistered(role=role, can_sign_in=can_sign_in, name=name, email=email):
            _, _, user = fact.subject.partition("/")
            return Account(
                id=user, name=name or "", email=email or "", role=role, active=True, can_sign_in=can_sign_in, created_at=fact.time
            )
        case UserRoleChanged(after=after) if account:
            return replace(account, role=after["role"])
        case UserDeactivated() if account:
            return replace(account, active=False)
        case UserReactivated() if account:
            return replace(account, active=True)
        case UserErased() if account:
            return replace(account, name="", email="", active=False, can_sign_in=False, erased=True)
        case _:
            return account


USER: Fold[Account | None] = Fold(
    initial=None,
    evolve=evolve,
    types=frozenset(type_of(cls).name for cls in (UserRegistered, UserRoleChanged, UserDeactivated, UserReactivated, UserErased)),
)
"""Logins and tokens stand in the same stream and do not change the account."""


def register(command: Register, holder: str | None) -> list[Any]:
    """`holder` is the id of whoever has this e-mail already."""
    if holder is not None:
        raise EmailTaken
    return [UserRegistered(role=command.role, can_sign_in=command.can_sign_in, name=command.name, email=command.email)]


def sign_in(command: SignIn, account: Account | None) -> list[Any]:
    """The password was right; whether the account is open is seen only now."""
    if not may_sign_in(account):
        raise InvalidCredentials
    return [UserLoggedIn(session=command.session, address=command.device.address, agent=command.device.agent)]


def refusal(account: Account | None, *, password_was_right: bool) -> Refusal | None:
    """Return why somebody may not sign in, for the audit trail alone; None when they may."""
    if account is None:
        return "unknown-email"
    if not account.can_sign_in:
        return "cannot-sign-in"
    if not password_was_right:
        return "wrong-password"
    return None if account.active else "inactive"


def refuse_sign_in(account: Account | None, reason: Refusal, address: str) -> list[Any]:
    """Of a stranger not even the address is kept: nobody could ever ask for its erasure."""
    return [UserLoginFailed(reason=reason, address=address if account else None)]


def sign_out(session: Session, device: Device) -> list[Any]:
    return [UserLoggedOut(session=session.id, address=device.address, agent=device.agent)]


def end_sessions(sessions: Iterable[Session]) -> list[Any]:
    """End them by something else than a logout. The events tell of the device that is out, not of the one that decided so."""
    return [UserSessionEnded(session=session.id, address=session.device.address, agent=session.device.agent) for session in sessions]


def own_session(id_: str, sessions: Sessions) -> Session:
    """Return the session of that public id. Raises SessionNotFound, also for somebody else's."""
    if id_ not in sessions:
        raise SessionNotFound
    return sessions[id_]


def others(sessions: Sessions, but: str | None) -> list[Session]:
    return [session for session in sessions.values() if session.id != but]


def surplus(sessions: Sessions) -> list[Session]:
    """Return the oldest sessions that have to go so that one more fits; the ids rise with time."""
    oldest_first = sorted(sessions.values(), key=lambda session: session.id)
    return oldest_first[: max(0, len(oldest_first) - MOST_SESSIONS + 1)]


def change_password(account: Account | None) -> list[Any]:
    if not may_sign_in(account):
        raise UserNotFound
    return [UserPasswordChanged()]


def change_account(command: ChangeAccount, account: Account | None, admins: AbstractSet[str], by: Account | None) -> list[Any]:
    """`admins` are the ids of the active admins who can sign in, and `by` is the one who asks, both as of this very moment."""
    if account is None:
        raise UserNotFound
    if account.erased:
        raise AccountErased
    role = command.role or account.role
    active = account.active if command.active is None else command.active
    if account.id in admins and not admins - {account.id} and not (active and role == "admin"):
        raise LastAdmin
    if not may_manage_accounts(by):
        raise NotPermitted("Only admins may do that.")
    events: list[Any] = []
    if role != account.role:
        events.append(UserRoleChanged(before={"role": account.role}, after={"role": role}))
    if active != account.active:
        turned = UserReactivated if active else UserDeactivated
        events.append(turned(before={"active": account.active}, after={"active": active}))
    return events


def promote(account: Account | None) -> list[Any]:
    """Make somebody an admin of whom an import learns that tickets were given to them. Who was erased stays gone."""
    if account is None or account.erased or account.role == "admin":
        return []
    return [UserRoleChanged(before={"role": account.role}, after={"role": "admin"})]


def erase(
    command: EraseUser, account: Account | None, admins: AbstractSet[str], by: Account | None, *, sessions: Sessions, tokens: Tokens
) -> list[Any]:
    """Sessions and tokens end first, without a word of where they were: nothing personal comes after an erasure. No event asked again.

    `admins` and `by` are as in `change_account`; `by` is None when the operator asks.
    """
    if account is None:
        raise UserNotFound
    if command.by is not None and not may_manage_accounts(by):
        raise NotPermitted("Only admins may do that.")
    if account.erased:
        return []
    if command.confirmed is not None and email_key(command.confirmed) != email_key(account.email):
        raise OtherEmail
    if account.id in admins and not admins - {account.id} and not command.again:
        raise LastAdmin
    ended = [UserSessionEnded(session=session.id) for session in sessions.values()]
    revoked = [TokenRevoked(token=token.id, expires_at=to_text(token.expires_at)) for token in tokens.values()]
    return [*ended, *revoked, UserErased()]


def is_effective_admin(account: Account) -> bool:
    """Whether this admin can do an admin's work; there is always at least one of them."""
    return may_manage_accounts(account) and account.can_sign_in


def create_token(command: CreateToken, account: Account | None, tokens: Tokens) -> list[Any]:
    if account is None or not may_sign_in(account):
        raise NotSignedIn("Sign in first.")  # closed since the request came in: a token would outlive that
    if not may_grant(account.role, command.scopes):
        raise NotPermitted("Only admins may make a token with the scope admin.")
    if sum(token.expires_at > command.created_at for token in tokens.values()) >= MOST_TOKENS:
        raise TooManyTokens(MOST_TOKENS)
    expires_at = to_text(command.expires_at)
    return [TokenCreated(token=command.token, expires_at=expires_at, scopes=sorted(command.scopes), name=command.name)]


def own_token(id_: str, tokens: Tokens) -> Token:
    """Return the token of that public id. Raises TokenNotFound, also for somebody else's."""
    if id_ not in tokens:
        raise TokenNotFound
    return tokens[id_]


def revoke_tokens(tokens: Iterable[Token]) -> list[Any]:
    return [TokenRevoked(token=token.id, expires_at=to_text(token.expires_at), name=token.name) for token in tokens]
