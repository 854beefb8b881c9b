"""The pages, put together."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from chassis import secrets
from chassis.peers import Peers
from chassis.settings import Settings
from web import health
from web.front import Front, Pages
from web.pages import (
    account,
    admin,
    assigning,
    audit,
    bulk,
    entry,
    inbox,
    new_ticket,
    security,
    ticket,
    ticket_changes,
    ticket_why,
    tickets,
    tokens,
    two_factor,
)
from web.rendering import Renderer
from web.unhappy import unhappy

logger = logging.getLogger(__name__)


def create_app(settings: Settings) -> Pages:
    """Return the pages as an ASGI application."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        credential = secrets.ensure(settings.secrets_dir, "services")
        peers = Peers(settings, credential)
        app.state.running = Front(settings=settings, secrets={"services": credential}, peers=peers, renderer=Renderer())
        logger.info("The pages are ready.")
        try:
            yield
        finally:
            await peers.close()

    pages = (
        account,
        admin,
        assigning,
        audit,
        bulk,
        entry,
        inbox,
        new_ticket,
        security,
        ticket,
        ticket_changes,
        ticket_why,
        tickets,
        tokens,
        two_factor,
    )
    routers = [page.router for page in pages]
    app = Pages(name="web", title="Pages", description="Server-rendered pages.", lifespan=lifespan, routers=routers)
    app.take(health.router(app.metrics))
    app.unhappy = unhappy
    return app
