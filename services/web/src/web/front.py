"""The application behind the pages: the same door as every service, with pages in place of problems."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from chassis.desk import Desk
from chassis.lean import LeanRoute
from chassis.peers import Peers
from chassis.settings import Settings
from web.rendering import Renderer

logger = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Front:
    """What every page needs: `front(request)`. It has the members of `chassis.service.Running` that the door and the callers read."""

    settings: Settings
    secrets: Mapping[str, str] = field(repr=False)
    """`services`, in hex: what says to the services that a request comes from us."""
    peers: Peers
    renderer: Renderer
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    failed: str | None = None


def front(request: Request) -> Front:
    """Return what the page is made with."""
    return request.app.state.running  # type: ignore[no-any-return]


class PageRoute(LeanRoute):
    """A lean route that lets errors pass to the application, which makes pages of them. What can be looked at answers HEAD too."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if "GET" in (options.get("methods") or ()):
            options["methods"] = {*options["methods"], "HEAD"}
        super().__init__(path, endpoint, **options)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (await self._respond(Request(scope, receive, send)))(scope, receive, send)


class Pages(Desk):
    """`unhappy` makes the answer for what a page raised, be it a refusal or an error of ours."""

    unhappy: Callable[[Request, Exception], Awaitable[Response]]

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def sending(message: "dict[str, object]") -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await super()._dispatch(scope, receive, sending)  # type: ignore[arg-type]
        except ClientDisconnect:
            raise
        except Exception as error:
            if begun:
                raise  # the head is out: nothing can be said any more
            answer = await self.unhappy(Request(scope, receive, send), error)
            await answer(scope, receive, send)
