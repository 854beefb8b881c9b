"""Pages for what did not work: what happened, why, what to do now."""

import logging
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from chassis.principal import SAFE_METHODS
from chassis.problems import MethodNotAllowed, status_of
from events.errors import DomainError, NotFound, TooMany, Unavailable
from web import dead_ends
from web.dead_ends import Way
from web.interrupted import kept_of
from web.places import local
from web.refusals import Refused, SignInNeeded
from web.signing_in import sign_in_form
from web.visit import Visit

logger = logging.getLogger(__name__)
_NOT_PERMITTED, _NOT_FOUND, _INVALID = 403, 404, 422
_MOMENTS = {"version", "at", "as_of"}
"""What an address asks for of a ticket as it was."""
_PASSING = (429, 500, 503)
"""What may be otherwise in a moment."""

_ADVICE = {
    400: "Go back and try once more; if it stays so, tell whoever looks after this desk.",
    500: "Try once more; if it stays so, tell whoever looks after this desk.",
    401: "Sign in, and you will be taken back.",
    403: "If you should be able to, ask an admin of this desk.",
    404: "Check the address, or go on from here.",
    405: "Go on from here.",
    422: "",
    429: "Wait a little, then try again.",
    502: "Look first whether it was done, before you do it again.",
    503: "Try again in a moment. Nothing that you have been told is saved is lost.",
}


async def unhappy(request: Request, error: Exception) -> Response:
    """Return the page for what a page raised."""
    visit = Visit(request)
    if isinstance(error, SignInNeeded):
        kept = kept_of(request)
        return (
            visit.sign_in() if kept is None else visit.page("login.html", status=401, **sign_in_form(next=visit.page_above(), unsent=kept))
        )
    status, title, detail, retry_after = _told(error)
    if status >= 500 and not isinstance(error, (Refused, DomainError)):
        logger.error("A page ended in an error of ours.", exc_info=error, extra={"path": request.scope["path"]})
    await visit.look_around()
    said: dict[str, Any] = {"title": title, "details": [detail], "advice": _ADVICE.get(status, _ADVICE[400]), "ways": _ways(visit, status)}
    if isinstance(error, Refused) and error.status == _INVALID and request.method in SAFE_METHODS:
        said |= _wrong_address(request, error)
    answer = visit.page("error.html", status=status, **said)
    if retry_after:
        answer.headers["Retry-After"] = retry_after
    if isinstance(error, MethodNotAllowed):
        answer.headers["Allow"] = error.allow
    return answer


def _ways(visit: Visit, status: int) -> list[Way]:
    """Return where to go on from here, the best first."""
    request = visit.request
    if visit.me is None:
        return [Way("/login", "Sign in")]
    safe = request.method in SAFE_METHODS
    here = request.url.path if safe or "route" not in request.scope else visit.page_above()
    above = dead_ends.nearest(here, admin=visit.is_admin and status != _NOT_PERMITTED)
    if status in _PASSING and safe:
        at = request.url
        return [Way(local(f"{at.path}?{at.query}" if at.query else at.path), "Try again"), above]
    if status == _NOT_FOUND and safe and _MOMENTS & request.query_params.keys():
        return [Way(local(request.url.path, above.href), "Show it as it is now"), above]  # of "//somewhere" a browser makes another host
    return [above]


def _wrong_address(request: Request, refused: Refused) -> dict[str, Any]:
    """Return what is said of an address whose query asks for what there cannot be."""
    query = request.query_params
    better = dead_ends.without(request.url.path, query.multi_items(), refused.errors)
    return {
        "title": "This address cannot be shown",
        "details": dead_ends.faults(refused, query),
        "advice": "",
        "ways": [better],
    }


def _told(error: Exception) -> tuple[int, str, str, str | None]:
    match error:
        case Refused() if error.status == _NOT_FOUND:
            return error.status, "Nothing here", error.detail, None
        case Refused():
            return error.status, error.title, error.detail, error.retry_after
        case NotFound():
            return 404, "Nothing here", "There is nothing at this address, or it is not yours to see.", None
        case TooMany() | Unavailable():
            return *status_of(error), str(error), str(error.retry_after)
        case DomainError():
            return *status_of(error), str(error), None
        case _:
            return 500, "Something broke here", "It was our fault, and it has been written down.", None
