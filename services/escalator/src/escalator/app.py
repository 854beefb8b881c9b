"""The escalator, declared."""

from fastapi import FastAPI
from sqlalchemy import Connection

from chassis.app import create_app as create
from chassis.service import Parts, Running, Service
from chassis.settings import Settings
from escalator import what_if
from escalator.handlers import HANDLERS
from escalator.policy import parse_duration
from escalator.queries import late_by, load_policies, read_policies
from escalator.routes import router
from escalator.tables import deadlines, ticket_copies, ticket_phases
from escalator.timers import Timer
from escalator.why_routes import router as why_router
from events.handling import Subscription


def build(running: Running) -> Parts:
    """Return the escalator's parts: it follows the tickets' events, and its timer runs in one process at a time.

    Raises ValueError when the shipped policy's age cannot be meant. Once there ever was a policy, nobody reads that age any more.
    """
    with running.store.read() as connection:
        begun = read_policies(connection).version > 0
    if not begun:
        _check_shipped(running.settings.escalate_after)

    async def keep_time() -> None:
        await Timer(
            store=running.store,
            writer=running.writer,
            wake=running.wake,
            environment=running.environment,
            shipped_after=running.settings.escalate_after,
        ).run()

    def figures(connection: Connection) -> dict[str, float]:
        return {"deadline_late_seconds": late_by(connection, running.environment.now())}

    return Parts(
        routers=[router, why_router, *what_if.routers(running)],
        subscriptions=[
            Subscription(source="/tickets", derived=HANDLERS, tables=[ticket_copies, ticket_phases, deadlines], version=2),
            Subscription(source="/auth"),  # for who was erased, which every consumer takes note of
        ],
        leader_tasks=[keep_time],
        figures=figures,
    )


def _check_shipped(after: str) -> None:
    try:
        parse_duration(after)
    except ValueError as error:
        raise ValueError(f"STE_ESCALATE_AFTER: {error}") from None


SERVICE = Service(
    name="escalator",
    title="Escalator",
    description="Deadlines of tickets, and the policies that they follow from.",
    migrations="escalator.migrations",
    build=build,
    loaders={"policies": load_policies},
)


def create_app(settings: Settings) -> FastAPI:
    """Return the service as an ASGI application."""
    return create(SERVICE, settings)
