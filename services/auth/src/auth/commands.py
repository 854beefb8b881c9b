"""What people ask of auth. Ids are drawn and secrets are hashed before a command is made; no secret stands in one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Role = Literal["user", "admin"]
Scope = Literal["read", "write", "admin"]
Refusal = Literal["unknown-email", "wrong-password", "inactive", "cannot-sign-in", "wrong-code"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Where a request comes from: the client's address, and what its browser calls itself."""

    address: str
    agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    user: str
    name: str
    email: str
    role: Role = "user"
    can_sign_in: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Somebody has given the right password and gets a session of this public id."""

    user: str
    session: str
    device: Device


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeAccount:
    """`role` and `active` are None when they are to stay as they are. `by` is the admin's id."""

    user: str
    role: Role | None
    active: bool | None
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseUser:
    """`confirmed` is the e-mail by which the admin `by` says that they mean this person; both are None when the operator asks.

    `again`: an erasure that was decided before is done once more, in a store that was restored. Then no admin is the last one.
    """

    user: str
    confirmed: str | None
    by: str | None
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateToken:
    token: str
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a code that somebody gave came to.

    `sealed` is the secret, as it is kept, that the code was compared with, and `step` the time step whose code it is; None: of none that
    counts. A recovery code has neither, but `recovery`: its keyed hash.
    """

    sealed: str | None = None
    step: int | None = None
    recovery: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginTwoFactor:
    """`sealed` is a new secret, encrypted."""

    user: str
    sealed: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmTwoFactor:
    """`codes` are the keyed hashes of the recovery codes that the person gets."""

    user: str
    proof: Proof
    codes: frozenset[str]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewRecoveryCodes:
    """`codes` are the keyed hashes of those that replace the old ones."""

    user: str
    proof: Proof
    codes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DisableTwoFactor:
    user: str
    proof: Proof


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetTwoFactor:
    """Somebody lost what they prove themselves with. `by` is the admin's id, None when the operator does it."""

    user: str
    by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerChallenge:
    """The second step of a sign-in: `challenge` is the SHA-256, in hex, of what the first step handed out."""

    user: str
    challenge: str
    proof: Proof
    at: datetime
