"""What becomes of second factors: what is kept of a person, and what a code does to it. Pure.

A code counts when it is of a time step after the last one that was used (RFC 6238, 5.2: a code is accepted once), or a recovery code that
is still there. What a code came to was worked out before (`auth.sealing`), on what was kept at that moment; here it counts only if that is
what is kept now.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple, TypeGuard

from auth.access import may_manage_accounts, may_sign_in
from auth.commands import AnswerChallenge, BeginTwoFactor, ConfirmTwoFactor, DisableTwoFactor, Proof, RenewRecoveryCodes, ResetTwoFactor
from auth.decider import Account
from auth.errors import AccountErased, ChallengeOver, NoEnrolment, TwoFactorEnabled, TwoFactorNotEnabled, UserNotFound, WrongCode
from auth.rules import CHALLENGE, ENROLMENT, MOST_CHALLENGES, MOST_TRIES
from events.contracts.user import UserRecoveryCodesRenewed, UserRecoveryCodeUsed, UserTwoFactorDisabled, UserTwoFactorEnabled
from events.errors import NotPermitted

NO_STEP = -1
"""Before the first step of all, which is 0 and in 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoFactor:
    """What somebody proves themselves with: a sealed secret, and keyed hashes of recovery codes. None is asked for before `enabled_at`."""

    user: str
    sealed: str
    begun_at: datetime
    enabled_at: datetime | None
    last_step: int
    codes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """A sign-in whose password was right, by the SHA-256 of what was handed out; `tries` counts wrong codes."""

    digest: str
    user: str
    expires_at: datetime
    tries: int = 0


class Decided(NamedTuple):
    """What happened, and what is kept from then on."""

    events: list[Any]
    left: TwoFactor | None


Challenges = Mapping[str, Challenge]


def is_enabled(standing: TwoFactor | None) -> TypeGuard[TwoFactor]:
    return standing is not None and standing.enabled_at is not None


def use(standing: TwoFactor, proof: Proof) -> TwoFactor | None:
    """Return what is left when the code is used up; None when it is no good: wrong, used before, or of another secret."""
    if proof.recovery is not None:
        known = [code for code in standing.codes if hmac.compare_digest(code, proof.recovery)]
        return replace(standing, codes=standing.codes.difference(known)) if known else None
    if proof.sealed != standing.sealed or proof.step is None or proof.step <= standing.last_step:
        return None
    return replace(standing, last_step=proof.step)


def told_of(before: TwoFactor, after: TwoFactor) -> list[Any]:
    """Return the events of a code's use: recovery codes run out, so each is told of; the codes of an app do not."""
    return [UserRecoveryCodeUsed(left=len(after.codes))] if after.codes < before.codes else []


# -- turning it on and off ------------------------------------------------------------------------------------------------------------


def begin(command: BeginTwoFactor, account: Account | None, standing: TwoFactor | None) -> Decided:
    """Keep a new secret, in the place of one that was never confirmed. It is no event: nothing is different yet."""
    _require_open(account)
    if is_enabled(standing):
        raise TwoFactorEnabled
    begun = TwoFactor(user=command.user, sealed=command.sealed, begun_at=command.at, enabled_at=None, last_step=NO_STEP, codes=frozenset())
    return Decided([], begun)


def confirm(command: ConfirmTwoFactor, account: Account | None, standing: TwoFactor | None) -> Decided:
    """A code shows that the app has the secret; it is used up like any other."""
    _require_open(account)
    if is_enabled(standing):
        raise TwoFactorEnabled
    if standing is None or command.at >= standing.begun_at + ENROLMENT:
        raise NoEnrolment
    used = use(standing, command.proof)
    if used is None:
        raise WrongCode
    return Decided([UserTwoFactorEnabled()], replace(used, enabled_at=command.at, codes=command.codes))


def renew(command: RenewRecoveryCodes, account: Account | None, standing: TwoFactor | None) -> Decided:
    used, told = _proved(account, standing, command.proof)
    return Decided([*told, UserRecoveryCodesRenewed()], replace(used, codes=command.codes))


def disable(command: DisableTwoFactor, account: Account | None, standing: TwoFactor | None) -> Decided:
    _, told = _proved(account, standing, command.proof)
    return Decided([*told, UserTwoFactorDisabled()], None)


def reset(command: ResetTwoFactor, account: Account | None, standing: TwoFactor | None, by: Account | None) -> Decided:
    """Take it away from who lost it; no event when it was not on. `by` is the admin as of this very moment, None for the operator.

    Nobody resets their own: that would be a way around the code for whoever has an admin's session.
    """
    if account is None:
        raise UserNotFound
    if account.erased:
        raise AccountErased
    if command.by is not None and not may_manage_accounts(by):
        raise NotPermitted("Only admins may do that.")
    if command.by == account.id:
        raise NotPermitted("Turn off your own with your password and a code, or let another admin or the operator reset it.")
    return Decided([UserTwoFactorDisabled()] if is_enabled(standing) else [], None)


def _require_open(account: Account | None) -> None:
    if not may_sign_in(account):
        raise UserNotFound


def _proved(account: Account | None, standing: TwoFactor | None, proof: Proof) -> tuple[TwoFactor, list[Any]]:
    """Return what is left after the code, and what is told of it. Raises TwoFactorNotEnabled or WrongCode."""
    _require_open(account)
    if not is_enabled(standing):
        raise TwoFactorNotEnabled
    used = use(standing, proof)
    if used is None:
        raise WrongCode
    return used, told_of(standing, used)


# -- signing in -----------------------------------------------------------------------------------------------------------------------


def challenge(user: str, digest: str, at: datetime) -> Challenge:
    return Challenge(digest=digest, user=user, expires_at=at + CHALLENGE)


def oldest(challenges: Challenges) -> list[Challenge]:
    """Return those that have to go so that one more fits."""
    oldest_first = sorted(challenges.values(), key=lambda each: each.expires_at)
    return oldest_first[: max(0, len(oldest_first) - MOST_CHALLENGES + 1)]


def answer(command: AnswerChallenge, account: Account | None, standing: TwoFactor | None, challenges: Challenges) -> TwoFactor | None:
    """Return what is left when the code was right, None when it was wrong. Raises ChallengeOver when it is too late for any code.

    That is so as well for an account that was closed, and for a second factor that was taken away, since the password was right.
    """
    asked = challenges.get(command.challenge)
    if asked is None or command.at >= asked.expires_at or not may_sign_in(account) or not is_enabled(standing):
        raise ChallengeOver
    return use(standing, command.proof)


def tried(asked: Challenge) -> Challenge | None:
    """Return the challenge after one more wrong code, None after the last one."""
    return replace(asked, tries=asked.tries + 1) if asked.tries + 1 < MOST_TRIES else None


def tries_left(asked: Challenge | None) -> int:
    return 0 if asked is None else MOST_TRIES - asked.tries
