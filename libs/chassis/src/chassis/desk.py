"""The ASGI application of a service: FastAPI for what it declares and documents, with our own door in front of its router."""

from collections.abc import Sequence
from typing import Any, cast

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from chassis import problems
from chassis.dispatch import Dispatch
from chassis.door import Door
from chassis.lean import LeanRoute
from chassis.telemetry import Metrics

_FASTAPIS_OWN = ("HTTPValidationError", "ValidationError")
_METHODS = {"get", "put", "post", "patch", "delete"}


class Desk(FastAPI):
    """A service's application. `lifespan` opens and closes what it needs; its routers' routes are taken over as they are."""

    def __init__(self, *, name: str, title: str, description: str, routers: Sequence[APIRouter] = (), **options: Any) -> None:
        self.metrics = Metrics()
        super().__init__(
            title=title,
            description=description,
            version="1",
            openapi_url=f"/api/{name}/openapi.json",
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
            telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
            **options,
        )
        self._directory, self._known = Dispatch(()), 0
        self._door = Door(self._dispatch, self.metrics)
        for router in routers:
            self.take(router)

    def take(self, router: APIRouter) -> None:
        """Add a router's routes. FastAPI's own `include_router` matches each request twice and takes the lean handler for a usual one."""
        for route in router.routes:
            if not isinstance(route, LeanRoute):
                raise TypeError(f"{route!r} is no lean route: its router needs route_class=LeanRoute.")
            self.router.routes.append(route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by way of the door alone: everything that the framework's own layers would do, it does as problems."""
        scope["app"] = self
        if scope["type"] == "http":
            await self._door(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        else:
            await self.router(scope, receive, send)

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._known != len(self.router.routes):  # they come once the store is open
            self._directory, self._known = Dispatch(cast("list[Route]", self.router.routes)), len(self.router.routes)
        await self._directory.find(scope).app(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        """Return the document: what FastAPI finds, with our problems in place of its own."""
        if not self.openapi_schema:
            document = get_openapi(title=self.title, version=self.version, description=self.description, routes=self.routes)
            self.openapi_schema = _exact(document)
        return self.openapi_schema


def _exact(document: dict[str, Any]) -> dict[str, Any]:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in _FASTAPIS_OWN:
        schemas.pop(name, None)
    schemas["Problem"] = problems.SCHEMA
    components["securitySchemes"] = {
        "session": {"type": "apiKey", "in": "cookie", "name": "sid"},
        "token": {"type": "http", "scheme": "bearer"},
    }
    document["x-problems"] = {slug: {"status": status, "title": title} for slug, (status, title) in sorted(problems.PROBLEMS.items())}
    for item in document.get("paths", {}).values():
        for method in item.keys() & _METHODS:
            _without_fastapis_own(item[method])
    return document


def _without_fastapis_own(operation: dict[str, Any]) -> None:
    """Drop the 422 that FastAPI adds to whatever has a parameter; ours are declared where they can happen."""
    answers = operation["responses"]
    if "HTTPValidationError" in str(answers.get("422", {}).get("content", {}).get("application/json", "")):
        del answers["422"]
    operation["responses"] = dict(sorted(answers.items()))
