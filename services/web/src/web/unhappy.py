"""Pages for what did not work: what happened, why, what to do now."""

import logging

from starlette.requests import Request
from starlette.responses import Response

from chassis.problems import MethodNotAllowed, status_of
from events.errors import DomainError, NotFound, TooMany, Unavailable
from web.interrupted import kept_of
from web.refusals import Refused, SignInNeeded
from web.signing_in import sign_in_form
from web.visit import Visit

logger = logging.getLogger(__name__)

_ADVICE = {
    400: "Go back and try once more; if it stays so, tell whoever looks after this desk.",
    401: "Sign in, and you will be taken back.",
    403: "If you should be able to, ask an admin of this desk.",
    404: "Check the address, or start from your tickets.",
    405: "Start from your tickets.",
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
    answer = visit.page("error.html", status=status, title=title, detail=detail, advice=_ADVICE.get(status, _ADVICE[400]))
    if retry_after:
        answer.headers["Retry-After"] = retry_after
    if isinstance(error, MethodNotAllowed):
        answer.headers["Allow"] = error.allow
    return answer


def _told(error: Exception) -> tuple[int, str, str, str | None]:
    match error:
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
