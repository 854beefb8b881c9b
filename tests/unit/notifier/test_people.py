"""What auth tells of people, folded into what the notifier needs: whether they can be told as admins, and their name."""

from functools import reduce
from typing import Any

from events.contracts.user import UserDeactivated, UserErased, UserPasswordChanged, UserReactivated, UserRegistered, UserRoleChanged
from notifier.people import HANDLERS, fold

UNKNOWN: dict[str, Any] = {"id": "ada", "name": None, "role": "user", "active": False, "can_sign_in": False}
REGISTERED = UserRegistered(role="user", can_sign_in=True, name="Ada", email="ada@example.com")
PROMOTED = UserRoleChanged(before={"role": "user"}, after={"role": "admin"})
DEACTIVATED = UserDeactivated(before={"active": True}, after={"active": False})
REACTIVATED = UserReactivated(before={"active": False}, after={"active": True})


def after(*events: Any) -> dict[str, Any]:
    return reduce(fold, events, UNKNOWN)


def test_a_person_who_registers_is_active_and_has_a_name_but_no_address_here() -> None:
    assert after(REGISTERED) == {"id": "ada", "name": "Ada", "role": "user", "active": True, "can_sign_in": True}


def test_role_and_activity_follow() -> None:
    assert after(REGISTERED, PROMOTED)["role"] == "admin"
    assert after(REGISTERED, PROMOTED, DEACTIVATED)["active"] is False
    assert after(REGISTERED, PROMOTED, DEACTIVATED, REACTIVATED) == after(REGISTERED, PROMOTED)


def test_an_erased_person_has_no_name_and_can_be_told_nothing() -> None:
    erased = after(REGISTERED, PROMOTED, UserErased())
    assert (erased["name"], erased["active"], erased["can_sign_in"]) == (None, False, False)


def test_a_registration_whose_personal_part_is_erased_is_a_person_without_a_name() -> None:
    assert after(UserRegistered(role="admin", can_sign_in=True))["name"] is None


def test_what_does_not_matter_here_changes_nothing_and_is_not_listened_to() -> None:
    assert after(REGISTERED, UserPasswordChanged()) == after(REGISTERED)
    assert set(HANDLERS) == {"user.registered", "user.role_changed", "user.deactivated", "user.reactivated", "user.erased"}
