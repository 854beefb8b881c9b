"""Who can be given a ticket."""

from typing import Any

from web.visit import Visit

_ADMINS = {"role": "admin", "active": "true", "can_sign_in": "true", "limit": 100}


async def admins(visit: Visit) -> list[dict[str, Any]]:
    """Return the admins who would see a ticket that they are given, by name, up to 100; nobody where the visitor may not know them."""
    found = await visit.maybe("auth", "/api/auth/users", _ADMINS)
    return found["items"] if found else []
