"""Commands about second factors as units of the writer. What a code came to was worked out before; the decider knows whether it counts.

Keys: as in `units` and `two_factor_store`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from auth import two_factor as core
from auth import two_factor_store as kept
from auth.commands import (
    AnswerChallenge,
    BeginTwoFactor,
    ConfirmTwoFactor,
    Device,
    DisableTwoFactor,
    RenewRecoveryCodes,
    ResetTwoFactor,
    SignIn,
)
from auth.decider import Account, others, refuse_sign_in
from auth.errors import WrongPassword
from auth.two_factor import Decided
from auth.two_factor_store import challenges_of, two_factor_of
from auth.units import SYSTEM, begin_session, end, sessions_of, stream_of
from events.decider import Context, Key, Transaction


@dataclass(frozen=True, kw_only=True)
class OwnTwoFactorUnit:
    """Change somebody's own second factor, once they have given their password; `checked` is the hash that it was compared with.

    Raises WrongPassword when the password has been changed since, and what the command raises: TwoFactorEnabled where one begins,
    TwoFactorNotEnabled or WrongCode elsewhere.
    """

    command: BeginTwoFactor | RenewRecoveryCodes | DisableTwoFactor
    checked: str | None
    context: Context

    def reads(self) -> Iterable[Key]:
        return _keys(self.command.user)

    def run(self, tx: Transaction) -> None:
        user = self.command.user
        if tx.state(("hash", user)) != self.checked:
            raise WrongPassword
        _settle(tx, user, self._decide(_account(tx, user), tx.state(two_factor_of(user))), self.context)

    def _decide(self, account: Account | None, standing: core.TwoFactor | None) -> Decided:
        match self.command:
            case BeginTwoFactor() as command:
                return core.begin(command, account, standing)
            case RenewRecoveryCodes() as command:
                return core.renew(command, account, standing)
            case DisableTwoFactor() as command:
                return core.disable(command, account, standing)


@dataclass(frozen=True, kw_only=True)
class ConfirmTwoFactorUnit:
    """Turn it on, and end the person's sessions `but` one: they were begun with less.

    Raises NoEnrolment, TwoFactorEnabled or WrongCode.
    """

    command: ConfirmTwoFactor
    but: str | None
    context: Context

    def reads(self) -> Iterable[Key]:
        return (*_keys(self.command.user), ("sessions", self.command.user))

    def run(self, tx: Transaction) -> None:
        user = self.command.user
        _settle(tx, user, core.confirm(self.command, _account(tx, user), tx.state(two_factor_of(user))), self.context)
        end(tx, user, others(sessions_of(tx, user), self.but), self.context)


@dataclass(frozen=True, kw_only=True)
class ResetTwoFactorUnit:
    """Take it away from who lost it, and end their sessions: whoever found the telephone may be in one. Returns whether it was on.

    Raises UserNotFound, AccountErased or NotPermitted.
    """

    command: ResetTwoFactor
    context: Context

    def reads(self) -> Iterable[Key]:
        command = self.command
        asking = [("stream", stream_of(command.by))] if command.by is not None else []
        return (*_keys(command.user), ("sessions", command.user), *asking)

    def run(self, tx: Transaction) -> bool:
        user, by = self.command.user, self.command.by
        admin = _account(tx, by) if by is not None else None
        decided = core.reset(self.command, _account(tx, user), tx.state(two_factor_of(user)), admin)
        _settle(tx, user, decided, self.context)
        if decided.events:
            end(tx, user, list(sessions_of(tx, user).values()), self.context)
        return bool(decided.events)


@dataclass(frozen=True, slots=True)
class Refused:
    """The code was wrong. `tries_left` are those of this sign-in."""

    tries_left: int


@dataclass(frozen=True, kw_only=True)
class AnswerChallengeUnit:
    """Begin a session, or record that the code was wrong. Returns the account, or Refused. Raises ChallengeOver.

    `session`, `digest`, `device` and `replaced` are as in `SignInUnit`.
    """

    command: AnswerChallenge
    session: str
    digest: str
    device: Device
    replaced: tuple[str, str] | None
    context: Context

    def reads(self) -> Iterable[Key]:
        user = self.command.user
        replaced = [("sessions", self.replaced[0])] if self.replaced is not None else []
        return (*_keys(user), challenges_of(user), ("sessions", user), *replaced)

    def run(self, tx: Transaction) -> Account | Refused:
        user = self.command.user
        account, standing, waiting = _account(tx, user), tx.state(two_factor_of(user)), tx.state(challenges_of(user))
        left = core.answer(self.command, account, standing, waiting)
        assert account is not None  # or `answer` had refused
        asked = waiting[self.command.challenge]
        if left is None:
            return self._refuse(tx, account, asked)
        _settle(tx, user, Decided(core.told_of(standing, left), left), self.context)
        kept.drop_challenge(tx, asked)
        signing_in = SignIn(user=user, session=self.session, device=self.device)
        begin_session(tx, account, signing_in, digest=self.digest, replaced=self.replaced, context=self.context)
        return account

    def _refuse(self, tx: Transaction, account: Account, asked: core.Challenge) -> Refused:
        """Nobody is known to have tried, so the actor is the service."""
        told = refuse_sign_in(account, "wrong-code", self.device.address)
        tx.append(stream_of(account.id), told, replace(self.context, actor=SYSTEM))
        tried = core.tried(asked)
        if tried is None:
            kept.drop_challenge(tx, asked)
        else:
            kept.try_challenge(tx, tried)
        return Refused(core.tries_left(tried))


def _keys(user: str) -> tuple[Key, ...]:
    return ("stream", stream_of(user)), ("hash", user), two_factor_of(user)


def _account(tx: Transaction, user: str) -> Account | None:
    account: Account | None = tx.stream(stream_of(user)).state
    return account


def _settle(tx: Transaction, user: str, decided: Decided, context: Context) -> None:
    """Write what was decided."""
    if decided.events:
        tx.append(stream_of(user), decided.events, context)
    kept.keep(tx, user, tx.state(two_factor_of(user)), decided.left)
