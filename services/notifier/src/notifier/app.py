"""The notifier, declared."""

from collections.abc import Mapping

from fastapi import FastAPI
from sqlalchemy import Connection

from chassis.app import create_app as create
from chassis.service import Running, Service
from chassis.settings import Settings
from events.handling import Subscription
from notifier import erasing, jobs, people
from notifier.channels import Channel
from notifier.dependencies import NotifierParts
from notifier.handlers import on_people, on_tickets
from notifier.inbox import Post
from notifier.job_routes import internal
from notifier.job_routes import router as job_router
from notifier.routes import router
from notifier.streams import Switchboard
from notifier.tables import people as people_table
from notifier.why_routes import router as why_router
from notifier.worker import Worker


def declare(channels: Mapping[str, Channel]) -> Service:
    """Return the service with these ways out of the house, by the type of their jobs; without any, people hear in the desk alone."""

    def build(running: Running) -> NotifierParts:
        post = Post(new_id=running.environment.new_id, channels=tuple(channels))
        switchboard = Switchboard(running.store, running.wake)

        async def work() -> None:
            await Worker(
                store=running.store,
                writer=running.writer,
                wake=running.wake,
                environment=running.environment,
                post=post,
                channels=channels,
            ).run()

        def figures(connection: Connection) -> Mapping[str, float]:
            return {**jobs.figures(connection), "streams_open": float(switchboard.open)}

        return NotifierParts(
            switchboard=switchboard,
            routers=[router, job_router, internal, why_router],
            subscriptions=[
                Subscription(source="/auth", derived=people.HANDLERS, tables=[people_table], handlers=on_people()),
                Subscription(source="/tickets", handlers=on_tickets(post)),
            ],
            erases=erasing.STEPS,
            tasks=[switchboard.run],
            leader_tasks=[work],
            figures=figures,
        )

    return Service(
        name="notifier",
        title="Notifier",
        description="What people are told, live and to read later, and the jobs that do the telling.",
        migrations="notifier.migrations",
        build=build,
    )


SERVICE = declare({})


def create_app(settings: Settings) -> FastAPI:
    """Return the service as an ASGI application."""
    return create(SERVICE, settings)
