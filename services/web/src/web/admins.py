"""Pages that are the admins' alone."""

from collections.abc import Coroutine
from typing import Any

from events.errors import DomainError, NotPermitted
from web.refusals import Refused
from web.visit import Visit


async def enter_as_admin(visit: Visit, *calls: Coroutine[Any, Any, Any]) -> list[Any]:
    """Do as `Visit.enter`; whoever is signed in and no admin is refused, whatever became of the calls. Raises NotPermitted."""
    try:
        found = await visit.enter(*calls)
    except (Refused, DomainError):
        if visit.me is not None and not visit.is_admin:
            raise NotPermitted("Only admins see this page.") from None
        raise
    if not visit.is_admin:
        raise NotPermitted("Only admins see this page.")
    return found
