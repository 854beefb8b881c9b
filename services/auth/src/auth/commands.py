"""What people ask of auth. Ids are drawn and secrets are hashed before a command is made; no secret stands in one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Role = Literal["user", "admin"]
Scope = Literal["read", "write", "admin"]
Refusal = Literal["unknown-email", "wrong-password", "inactive", "cannot-sign-in"]


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
