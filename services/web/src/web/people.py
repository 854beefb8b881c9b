"""Who can be given a ticket."""

import re
from dataclasses import dataclass
from typing import Any

from web.visit import Visit

Person = dict[str, Any]
Found = tuple[list[Person], str | None]
"""A page of people, and the cursor of the next one."""
ANOTHER = "another"
"""What a choice among admins sends for one who is not offered: a page of its own then asks who it is."""
_ID = re.compile("[A-Za-z0-9_-]{1,64}")
_CANDIDATES = 6
_OFFERED = 100
_ADMINS = {"role": "admin", "active": "true", "can_sign_in": "true"}


@dataclass(frozen=True, slots=True)
class Admins:
    """`offered` are the first by name; `more` says whether there are others."""

    offered: list[Person]
    more: bool

    def choices(self, *first: tuple[str, str]) -> list[tuple[str, str]]:
        """Return whom a ticket can be given to as (value, text): nobody, these `first`, the others by name, somebody who is not offered."""
        found = {"": "Nobody", **dict(first)}
        for person in self.offered:
            found.setdefault(person["id"], person["name"])
        return [*found.items(), *([(ANOTHER, "Somebody else…")] if self.more else [])]


async def admins(visit: Visit) -> Admins:
    """Return the admins who would see a ticket that they are given, up to 100; nobody where the visitor may not know them."""
    found = await visit.maybe("auth", "/api/auth/users", {**_ADMINS, "limit": _OFFERED})
    return Admins(found["items"], found["next_cursor"] is not None) if found else Admins([], more=False)


async def find_admins(visit: Visit, name: str, cursor: str) -> Found:
    """Return those admins whose name or e-mail has all these words, page by page. Raises as `Visit.call` does."""
    found = await visit.get("auth", "/api/auth/users", {**_ADMINS, "q": name[:200], "cursor": cursor})
    return found["items"], found["next_cursor"]


async def called(visit: Visit, name: str, role: str = "") -> list[Person]:
    """Return the first few people whose name or e-mail has all these words; nobody where the visitor may not look for people."""
    found = await visit.maybe("auth", "/api/auth/users", {"q": name[:200], "role": role, "limit": _CANDIDATES})
    return found["items"] if found else []


async def name_of(visit: Visit, id_: str | None) -> dict[str, str | None]:
    """Return the name of a person by their id; nothing of nobody, and of who is not known."""
    found = await visit.maybe("auth", f"/api/auth/users/{id_}") if id_ and _ID.fullmatch(id_) else None
    return {found["id"]: found["name"]} if found else {}
