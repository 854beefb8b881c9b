"""What comes in and what goes out, as the OpenAPI document shows it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from auth.commands import Role, Scope
from auth.decider import Account
from auth.policy import LONGEST, SHORTEST, check_password
from auth.rules import LONGEST_EMAIL, check_email, check_name
from chassis.paging import Page
from chassis.strings import Flag, Secret, Spelled, Text, clean
from events.times import to_text

Name = Annotated[str, Text(1, 100), AfterValidator(check_name), Field(examples=["Anna Lund"])]
Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=LONGEST_EMAIL),
    AfterValidator(clean),
    AfterValidator(check_email),
    Field(examples=["anna@example.org"], json_schema_extra={"format": "email"}),
]
Password = Annotated[str, Secret(1, LONGEST), Field(examples=["four-words-say-more"], json_schema_extra={"format": "password"})]
"""One that is to be compared: any that could have been chosen, ever."""
NewPassword = Annotated[
    str,
    Secret(SHORTEST, LONGEST),
    AfterValidator(check_password),
    Field(
        description="8 to 256 characters, counted exactly as typed, and none that attackers try first.",
        examples=["four-words-say-more"],
        json_schema_extra={"format": "password"},
    ),
]
Digest = Annotated[str, Spelled("^[0-9a-f]{64}$", "must be a SHA-256 as 64 hexadecimal digits")]
Id = Annotated[str, StringConstraints(pattern="^[A-Za-z0-9_-]{1,64}$")]


def _without_default(schema: dict[str, Any]) -> None:
    """What may be left out has no value of its own, and null is none."""
    del schema["default"]


def _twice_is_once(schema: dict[str, Any]) -> None:
    """What stands twice in a set that comes in counts once, and is no error."""
    del schema["uniqueItems"]


class In(BaseModel):
    """A request body: what it does not know, it refuses."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Registration(In):
    name: Name
    email: Email
    password: NewPassword


class Login(In):
    email: Annotated[str, Text(1, LONGEST_EMAIL), Field(examples=["anna@example.org"])]
    password: Password


class PasswordChange(In):
    current_password: Password
    new_password: NewPassword


class NewToken(In):
    name: Annotated[str, Text(1, 100), AfterValidator(check_name), Field(examples=["Nightly export"])]
    expires_in_days: Annotated[int, Field(ge=1, le=365, examples=[90])] = 90
    scopes: Annotated[
        frozenset[Scope],
        Field(
            min_length=1,
            description="What it may do: read, write, and act as the admin that its owner is.",
            json_schema_extra=_twice_is_once,
        ),
    ] = frozenset({"read", "write"})


class AccountChange(In):
    """At least one of the two."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    role: Role = Field(default=None, json_schema_extra=_without_default)  # type: ignore[arg-type]
    active: bool = Field(default=None, json_schema_extra=_without_default)  # type: ignore[assignment]

    @model_validator(mode="after")
    def _something(self) -> "AccountChange":
        if not self.model_fields_set:
            raise ValueError("needs a role or active")
        return self


class UserQuery(Page):
    q: Annotated[
        Annotated[str, Text(0, 200)] | None, Field(description="Words, or parts of them, that the name or the e-mail has, all of them.")
    ] = None
    role: Role | None = None
    active: Flag | None = None
    can_sign_in: Annotated[Flag | None, Field(description="Whether they have a way in: who was imported, or erased, has none.")] = None


class Question(In):
    """Whose is this credential? `digest` is the SHA-256 of the secret, in hex."""

    kind: Literal["session", "token"]
    digest: Digest
    address: str = ""
    agent: str = ""


class Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class UserOut(Out):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0193576f-2c00-7c0e-9d4f-6f2f0e6b4a11",
                    "name": "Anna Lund",
                    "email": "anna@example.org",
                    "role": "user",
                    "active": True,
                    "can_sign_in": True,
                    "created_at": "2026-11-23T09:00:00.123456Z",
                }
            ]
        }
    )

    id: str
    name: str | None = Field(description="Null once the person was erased.")
    email: str | None = Field(description="Null once the person was erased.")
    role: Role
    active: bool
    can_sign_in: bool
    created_at: datetime


class UsersOut(Out):
    items: list[UserOut]
    next_cursor: str | None


class SessionOut(Out):
    id: str = Field(examples=["0193576f-2c00-7c0e-9d4f-6f2f0e6b4a11"])
    address: str = Field(examples=["203.0.113.7"])
    agent: str = Field(description="What the browser calls itself.", examples=["Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Firefox/145.0"])
    created_at: datetime
    last_seen_at: datetime
    current: bool = Field(description="Whether it is the one that asks.")


class SessionsOut(Out):
    items: list[SessionOut]
    next_cursor: str | None


class TokenOut(Out):
    id: str = Field(examples=["0193576f-2c00-7c0e-9d4f-6f2f0e6b4a11"])
    name: str = Field(examples=["Nightly export"])
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


class NewTokenOut(TokenOut):
    token: str = Field(description="Shown here once and kept nowhere.", examples=["ste_hQ2v…"])


class TokensOut(Out):
    items: list[TokenOut]
    next_cursor: str | None


def user_out(account: Account) -> dict[str, Any]:
    return {
        "id": account.id,
        "name": account.name or None,
        "email": account.email or None,
        "role": account.role,
        "active": account.active,
        "can_sign_in": account.can_sign_in,
        "created_at": to_text(account.created_at),
    }


def session_out(row: Mapping[Any, Any], current: str | None) -> dict[str, Any]:
    shown = {name: row[name] for name in ("id", "address", "agent", "created_at", "last_seen_at")}
    return {**shown, "current": row["id"] == current}


def token_out(row: Mapping[Any, Any]) -> dict[str, Any]:
    shown = {name: row[name] for name in ("id", "name", "created_at", "expires_at", "last_used_at")}
    return {**shown, "scopes": row["scopes"].split()}
