"""The demo's people: two admins and four users who all have the password that the README tells."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from auth.commands import Register, Role
from auth.rules import email_key
from auth.units import RegisterUnit
from events.decider import Context, Key, Transaction

DEMO_PASSWORD = "demo123"  # noqa: S105 (it is in the README; the policy would refuse it)
PEOPLE: Mapping[str, tuple[str, Role]] = {
    "admina": ("Admin A", "admin"),
    "adminb": ("Admin B", "admin"),
    "usera": ("User A", "user"),
    "userb": ("User B", "user"),
    "userc": ("User C", "user"),
    "userd": ("User D", "user"),
}


def address_of(login: str) -> str:
    return f"{login}@example.com"


@dataclass(frozen=True, kw_only=True)
class DemoUnit:
    """Open the demo's accounts by the ordinary command, all or none. Returns {"admina": id, …} of those that are there afterwards.

    `hash` is None where there is something else in the store already: then nobody is added.
    """

    hash: str | None
    new_id: Callable[[], str]
    context: Context

    def reads(self) -> Iterable[Key]:
        keys: list[Key] = [("email", email_key(address_of(login))) for login in PEOPLE]
        return [*keys, ("admins", "all")]

    def run(self, tx: Transaction) -> dict[str, str]:
        holders = {login: tx.state(("email", email_key(address_of(login)))) for login in PEOPLE}
        if self.hash is not None and not any(holders.values()):
            return {login: self._open(tx, login, name, role) for login, (name, role) in PEOPLE.items()}
        return {login: holder for login, holder in holders.items() if holder}

    def _open(self, tx: Transaction, login: str, name: str, role: Role) -> str:
        command = Register(user=self.new_id(), name=name, email=address_of(login), role=role)
        return RegisterUnit(command=command, hash=self.hash, context=self.context).run(tx).id
