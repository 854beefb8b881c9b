"""The application of a service: its routes, its health, its door for peers, and its life."""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from chassis import backing_up, covering, erasing, internal, ledger_routes, rebuild_routes
from chassis.desk import Desk
from chassis.health import Checkup, health_router
from chassis.lifecycle import living
from chassis.parked_routes import parked_router
from chassis.server import serve
from chassis.service import Service
from chassis.settings import Settings
from chassis.system_routes import system_router
from events.environment import Environment, real_environment

logger = logging.getLogger(__name__)

_LOOK_AT_THE_LOOP = 1.0
_INSIDE = (internal.router, erasing.router, covering.router, ledger_routes.router, rebuild_routes.router, backing_up.router)


def create_app(service: Service, settings: Settings, environment: Environment | None = None) -> Desk:
    """Return a service as an ASGI application. Its own routes are there once its lifespan has begun: they need an open store."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        assert isinstance(app, Desk)
        async with living(service, settings, environment or real_environment()) as live:
            app.state.running = live
            live.end = getattr(app.state, "end", live.end)
            checkup = Checkup(live)
            health, system = health_router(service.name, checkup, app.metrics), system_router(service.name, checkup)
            for router in (*live.parts.routers, *_INSIDE, health, system, parked_router(service.name)):
                app.take(router)
            watch = asyncio.create_task(_watch_loop(app), name="loop lag")
            logger.info("The service is ready.")
            yield
            watch.cancel()

    return Desk(name=service.name, title=service.title, description=service.description, lifespan=lifespan)


async def _watch_loop(app: Desk) -> None:
    """Measure how late the loop is: whatever blocks it shows here."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + _LOOK_AT_THE_LOOP
        await asyncio.sleep(_LOOK_AT_THE_LOOP)
        app.metrics.loop_lag.set(max(0.0, loop.time() - due))


def main(service: Service) -> None:
    """Run a service as this process, until it is told to stop; `python -m tickets`."""
    # the runner hands over all that was set when it started; a `.env` that changed since must not change one service alone
    settings = Settings(_env_file=None) if "STE_PARENT_PID" in os.environ else Settings()
    sys.exit(serve(create_app(service, settings), service.name, settings))
