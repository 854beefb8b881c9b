"""The way in and out, and the files that pages load."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from chassis.crosssite import check_same_origin
from events.errors import NotFound
from web.forms import read_form
from web.front import PageRoute, front
from web.notices import Notice
from web.places import local
from web.refusals import Refused
from web.visit import Visit

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
        return visit.go(local(request.query_params.get("next"), "/tickets"))
    return visit.page("login.html", email="", next=_next(request.query_params), problem=None, errors={})


@router.post("/login")
async def sign_in(request: Request) -> Response:
    form, visit = await read_form(request), Visit(request)
    body = {"email": form.get("email", ""), "password": form.get("password", "")}
    try:
        answer = await visit.call("POST", "auth", "/api/auth/login", body=body)
    except Refused as refused:
        shown = {"email": body["email"], "next": _next(form), "problem": refused, "errors": refused.errors}
        return visit.page("login.html", status=refused.status, **shown)
    visit.passing += answer.headers.get_list("set-cookie")
    return visit.go(local(form.get("next"), "/tickets"))


@router.get("/register")
async def register(request: Request) -> Response:
    return Visit(request).page("register.html", name="", email="", problem=None, errors={})


@router.post("/register")
async def open_account(request: Request) -> Response:
    """Open an account and sign in with it at once."""
    form, visit = await read_form(request), Visit(request)
    body = {name: form.get(name, "") for name in ("name", "email", "password")}
    try:
        await visit.call("POST", "auth", "/api/auth/register", body=body)
        answer = await visit.call("POST", "auth", "/api/auth/login", body={"email": body["email"].strip(), "password": body["password"]})
    except Refused as refused:
        shown = {"name": body["name"], "email": body["email"], "problem": refused, "errors": refused.errors}
        return visit.page("register.html", status=refused.status, **shown)
    visit.passing += answer.headers.get_list("set-cookie")
    return visit.go("/tickets", Notice("Welcome. Open a ticket whenever you need something."))


@router.post("/logout")
async def sign_out(request: Request) -> Response:
    check_same_origin(request)
    visit = Visit(request)
    answer = await visit.call("POST", "auth", "/api/auth/logout")
    visit.passing += answer.headers.get_list("set-cookie")
    return visit.go("/login", Notice("You are signed out.", "info"))


def _next(values: Any) -> str:
    return local(values.get("next"), "")
