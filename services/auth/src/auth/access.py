"""Who may do what to accounts. Whether a token reaches that far is the principal's part (`chassis.principal`)."""

from collections.abc import Set as AbstractSet
from typing import Protocol


class Person(Protocol):
    @property
    def role(self) -> str: ...
    @property
    def active(self) -> bool: ...


def may_manage_accounts(person: Person | None) -> bool:
    """Whether someone may change others' roles and activity *now*, whatever they were when their request came in."""
    return person is not None and person.active and person.role == "admin"


def may_sign_in(person: "SigningIn | None") -> bool:
    return person is not None and person.active and person.can_sign_in


def may_grant(role: str, scopes: AbstractSet[str]) -> bool:
    """Whether someone of this role may make a token of these scopes: nobody hands out what they do not have."""
    return "admin" not in scopes or role == "admin"


class SigningIn(Person, Protocol):
    @property
    def can_sign_in(self) -> bool: ...
