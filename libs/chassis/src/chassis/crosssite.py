"""The check that a browser's request comes from our own pages (OWASP's Fetch-Metadata check, with `Origin` as the fallback)."""

from starlette.requests import HTTPConnection

from chassis.callers import vouched_for
from chassis.service import running
from events.errors import NotPermitted


def check_same_origin(request: HTTPConnection) -> None:
    """Raise NotPermitted (`cross-site`) unless the browser says that the request is same-origin, or a peer of ours has checked it.

    `Sec-Fetch-Site: none` is an address typed by hand. Without that header the whole `Origin` must be a configured one.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", "").lower()
    allowed = site in ("same-origin", "none") if site is not None else origin in running(request).settings.origins
    if not allowed and not vouched_for(request):
        raise NotPermitted("This request does not come from the desk's own pages.", code="cross-site")
