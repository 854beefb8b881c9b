"""Who can be given a ticket."""

from typing import Any

from web.visit import Visit

_CANDIDATES = 6
_ADMINS = {"role": "admin", "active": "true", "can_sign_in": "true", "limit": 100}


async def admins(visit: Visit) -> list[dict[str, Any]]:
    """Return the admins who would see a ticket that they are given, by name, up to 100; nobody where the visitor may not know them."""
    found = await visit.maybe("auth", "/api/auth/users", _ADMINS)
    return found["items"] if found else []


async def called(visit: Visit, name: str) -> list[dict[str, Any]]:
    """Return the first few people whose name or e-mail has all these words; nobody where the visitor may not look for people."""
    found = await visit.maybe("auth", "/api/auth/users", {"q": name[:200], "limit": _CANDIDATES})
    return found["items"] if found else []
