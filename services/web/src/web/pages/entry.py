"""The way in and out, and the files that pages load."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from chassis.crosssite import check_same_origin
from events.errors import NotFound, Unavailable
from web.forms import Form, read_form
from web.front import PageRoute, front
from web.interrupted import Kept, unfold
from web.notices import Notice
from web.places import local
from web.refusals import Refused, SignInNeeded
from web.signing_in import sign_in_form
from web.visit import Answer, Visit
from web.words import count

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_FOREVER = "public, max-age=31536000, immutable"


@router.get("/static/{name}")
async def static(request: Request, name: Annotated[str, Path()]) -> Response:
    """A file under a name that changes with its content."""
    found = front(request).renderer.assets.get(name)
    if found is None:
        raise NotFound("There is no such file.")
    return Response(found[0], media_type=found[1], headers={"Cache-Control": _FOREVER})


@router.get("/favicon.ico")
async def favicon(request: Request) -> Response:
    return RedirectResponse(front(request).renderer.asset("icon.svg"), 302)


@router.get("/")
async def start(request: Request) -> Response:
    visit = Visit(request)
    await visit.look_around()
    return visit.go("/login" if visit.me is None else "/tickets")


@router.get("/login")
async def login(request: Request) -> Response:
    visit = Visit(request)
    await visit.look_around()
    if visit.me is not None:
        return visit.go(_next(request.query_params, "/tickets"))
    return visit.page("login.html", **sign_in_form(next=_next(request.query_params)))


@router.post("/login")
async def sign_in(request: Request) -> Response:
    """Sign in, perhaps with a second step to come, perhaps with a form to be sent afterwards."""
    form, visit = await read_form(request), Visit(request)
    body, shown = form.only("email", "password"), _onward(form)
    try:
        answer = await visit.call("POST", "auth", "/api/auth/login", body=body)
    except Refused as refused:
        if refused.slug == "second-factor-required":
            return visit.page("login_code.html", **shown, challenge=refused.facts["challenge"], problem=None, errors={}, recovery=False)
        return visit.page("login.html", status=refused.status, **sign_in_form(email=body["email"], problem=refused, **shown))
    return _signed_in(visit, answer, **shown)


@router.post("/login/code")
async def second_step(request: Request) -> Response:
    """Finish signing in with a code of the authenticator app, or with a recovery code."""
    form, visit = await read_form(request), Visit(request)
    body, shown = form.only("challenge", "code"), _onward(form)
    try:
        answer = await visit.call("POST", "auth", "/api/auth/login/second-factor", body=body)
    except Refused as refused:
        if refused.slug == "challenge-over" or "challenge" in refused.errors:
            return visit.page("login.html", status=refused.status, **sign_in_form(problem=refused, **shown))
        errors = refused.errors or ({"code": _left(refused.facts.get("tries_left"))} if refused.slug == "invalid-code" else {})
        again = {"challenge": body["challenge"], "problem": refused, "errors": errors, "recovery": form.get("kind") == "recovery"}
        return visit.page("login_code.html", status=refused.status, **shown, **again)
    return _signed_in(visit, answer, **shown)


def _onward(form: Form) -> dict[str, Any]:
    """Return where somebody wants to go once they are signed in, and the form that they want to send then."""
    return {"next": _next(form), "unsent": unfold(form)}


def _signed_in(visit: Visit, answer: Answer, *, next: str, unsent: Kept | None) -> Response:  # noqa: A002 (the field's name)
    """Go on to where somebody wanted to be, or show the form that they wanted to send when their session was over."""
    visit.passing += answer.headers.get_list("set-cookie")
    if unsent is None:
        return visit.go(next or "/tickets")
    visit.me = answer.json()
    return visit.page("kept.html", unsent=unsent, back=next or "/tickets")


@router.get("/register")
async def register(request: Request) -> Response:
    visit = Visit(request)
    await visit.look_around()
    if visit.me is not None:
        return visit.go("/tickets")
    return visit.page("register.html", name="", email="", next=_next(request.query_params), problem=None, errors={})


@router.post("/register")
async def open_account(request: Request) -> Response:
    """Open an account and sign in with it at once."""
    form, visit = await read_form(request), Visit(request)
    body = form.only("name", "email", "password")
    try:
        await visit.call("POST", "auth", "/api/auth/register", body=body)
    except Refused as refused:
        errors = refused.errors or ({"email": "There is an account with this e-mail."} if refused.slug == "email-taken" else {})
        shown = {"name": body["name"], "email": body["email"], "next": _next(form), "problem": refused, "errors": errors}
        return visit.page("register.html", status=refused.status, **shown)
    try:
        answer = await visit.call("POST", "auth", "/api/auth/login", body={"email": body["email"].strip(), "password": body["password"]})
    except (Refused, Unavailable):
        return visit.go("/login", Notice("Your account is open. Sign in to use it."))
    visit.passing += answer.headers.get_list("set-cookie")
    return visit.go(_next(form, "/tickets"), Notice("Welcome. Open a ticket whenever you need something."))


@router.post("/logout")
async def sign_out(request: Request) -> Response:
    """Sign out; who was signed out already is told the same."""
    check_same_origin(request)
    visit = Visit(request)
    with suppress(SignInNeeded):
        answer = await visit.call("POST", "auth", "/api/auth/logout")
        visit.passing += answer.headers.get_list("set-cookie")
    return visit.go("/login", Notice("You are signed out.", "info"))


def _left(tries: Any) -> str:
    """Return how many more codes may be tried before one has to begin again."""
    return f"{count(tries, 'try', 'tries')} left." if isinstance(tries, int) else "Try another one."


def _next(values: Mapping[str, str], otherwise: str = "") -> str:
    """Return the page to go on to."""
    return local(values.get("next"), otherwise) or otherwise
