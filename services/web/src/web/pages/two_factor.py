"""Two-factor sign-in of the visitor: turning it on with an authenticator app, recovery codes, turning it off."""

import re
from urllib.parse import parse_qs

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from web.forms import Form, read_form
from web.front import PageRoute
from web.notices import Notice
from web.qr import to_svg
from web.refusals import Refused
from web.visit import Visit

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_HERE = "/account/two-factor"
_API = "/api/auth/two-factor"
_SECRET = re.compile("[A-Z2-7]{16,128}")
_CODES = re.compile(r"(?:[a-z0-9-]{8,64}\n){1,50}")


@router.get(_HERE)
async def two_factor(request: Request) -> Response:
    return await _page(Visit(request))


async def _page(visit: Visit, status: int = 200, tried: str = "", problem: Refused | None = None) -> Response:
    """Return how it stands; `tried` names the form that did not go through."""
    (state,) = await visit.enter(visit.get("auth", _API))
    errors = problem.errors if problem else {}
    return visit.page("two_factor.html", status=status, state=state, tried=tried, problem=problem, errors=errors)


@router.post(_HERE)
async def begin(request: Request) -> Response:
    """Begin: show the secret, as a QR code and as text. Nothing is asked for at sign-in yet."""
    form, visit = await read_form(request), Visit(request)
    try:
        answer = await visit.call("POST", "auth", _API, body=form.only("current_password"))
    except Refused as refused:
        return await _page(visit, refused.status, "begin", refused)
    return await _enrolment(visit, answer.json()["uri"])


async def _enrolment(visit: Visit, uri: str, problem: Refused | None = None) -> Response:
    """Return the page that shows the secret. It carries the secret along, for the API shows it once: nobody keeps a page like this."""
    await visit.enter()
    secret = secret_of(uri)
    if secret is None:
        return visit.go(_HERE, Notice("Begin anew: the form came without its secret.", "failed"))
    shown = {"uri": uri, "secret": secret, "qr": to_svg(uri), "problem": problem, "errors": problem.errors if problem else {}}
    return visit.page("two_factor_begin.html", status=problem.status if problem else 200, **shown)


@router.post("/account/two-factor/confirm")
async def confirm(request: Request) -> Response:
    """Turn it on with a first code of the app, and show the recovery codes."""
    form, visit = await read_form(request), Visit(request)
    try:
        answer = await visit.call("POST", "auth", f"{_API}/confirm", body={"code": form.get("code", "")})
    except Refused as refused:
        if refused.status == 409:
            return visit.go(_HERE, Notice(refused.detail, "failed"))
        return await _enrolment(visit, form.get("uri", ""), refused)
    return await _codes(
        visit, answer.json()["recovery_codes"], "Two-factor sign-in is on. Wherever else you were signed in, you are signed out now."
    )


@router.post("/account/two-factor/recovery-codes")
async def renew(request: Request) -> Response:
    """Make new recovery codes; the old ones are void."""
    form, visit = await read_form(request), Visit(request)
    try:
        answer = await visit.call("POST", "auth", f"{_API}/recovery-codes", body=_proof(form))
    except Refused as refused:
        return await _page(visit, refused.status, "renew", refused)
    return await _codes(visit, answer.json()["recovery_codes"], "You have new recovery codes. The old ones do not work any more.")


@router.post("/account/two-factor/disable")
async def disable(request: Request) -> Response:
    """Turn it off."""
    form, visit = await read_form(request), Visit(request)
    try:
        await visit.call("POST", "auth", f"{_API}/disable", body=_proof(form))
    except Refused as refused:
        return await _page(visit, refused.status, "disable", refused)
    return visit.go(_HERE, Notice("Two-factor sign-in is off. Your password alone lets you in."))


@router.post("/account/two-factor/recovery-codes.txt")
async def download(request: Request) -> Response:
    """Give the codes back as a file: the page that shows them sends them here, for nobody else has them."""
    text = (await read_form(request)).get("codes", "").strip() + "\n"
    if not _CODES.fullmatch(text):
        raise Refused(422, "invalid", "No recovery codes", "There are no recovery codes in this form. Make new ones.")
    headers = {"Content-Disposition": 'attachment; filename="support-ticket-express-recovery-codes.txt"'}
    return PlainTextResponse(f"Recovery codes for Support Ticket Express. Each works once.\n\n{text}", headers=headers)


async def _codes(visit: Visit, codes: list[str], said: str) -> Response:
    await visit.enter()
    return visit.page("two_factor_codes.html", codes=codes, said=said)


def _proof(form: Form) -> dict[str, str]:
    return form.only("current_password", "code")


def secret_of(uri: str) -> str | None:
    """Return the secret of an `otpauth:` address in groups of four letters, None when it is none."""
    if not uri.startswith("otpauth://totp/"):
        return None
    found = parse_qs(uri.partition("?")[2]).get("secret", [""])[0]
    if not _SECRET.fullmatch(found):
        return None
    return " ".join(found[at : at + 4] for at in range(0, len(found), 4))
