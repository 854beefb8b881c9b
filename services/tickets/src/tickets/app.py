"""The desk, declared."""

from collections.abc import Mapping

from fastapi import FastAPI
from sqlalchemy import Connection

from chassis.app import create_app as create
from chassis.service import Running, Service
from chassis.settings import Settings
from events.handling import Subscription
from tickets import (
    audit_routes,
    demo,
    erasing,
    export_routes,
    feed_routes,
    import_routes,
    importing,
    internal,
    journal_verification,
    operation_routes,
    people,
    proof_routes,
    replay_routes,
    report_routes,
    routes,
    search_routes,
    verification,
    why_routes,
)
from tickets.auditing import Audit
from tickets.daily import Daily
from tickets.decider import TICKET
from tickets.dependencies import DeskParts
from tickets.handlers import HANDLERS
from tickets.history import History
from tickets.journal import Journal, JournalFeed, PeopleFeed
from tickets.live import Readers
from tickets.people import People
from tickets.projections import Desk
from tickets.units import PERSON
from tickets.verification import Verification

_ROUTERS = (
    routes.router,
    report_routes.router,
    audit_routes.router,
    proof_routes.router,
    replay_routes.router,
    export_routes.router,
    search_routes.router,
    feed_routes.router,
    why_routes.router,
    why_routes.internal,
    internal.router,
    import_routes.router,
    operation_routes.router,
    demo.router,
)


def build(running: Running) -> DeskParts:
    """Return the desk's parts: its own projection follows the log, people and the audit list follow the journal of all sources."""
    journal, readers, verifying, every = Journal(), Readers(running), Verification(running), running.settings.verify_after

    def figures(connection: Connection) -> Mapping[str, float]:
        return {**verification.figures(connection), "streams_open": float(readers.open)}

    return DeskParts(
        routers=_ROUTERS,
        verification=verifying,
        readers=readers,
        leader_tasks=[Daily(running, verifying, every).run] if every else [],
        projections=[Desk(), History()],
        feeds=[(PeopleFeed(), [People()]), (JournalFeed(), [Audit()])],
        appended=journal.record_own,
        subscriptions=[Subscription(source=source, handlers=HANDLERS) for source in ("/auth", "/notifier", "/escalator")],
        record=journal.record,
        tasks=[readers.run],
        erases=erasing.STEPS,
        redact=erasing.redact,
        compact=erasing.compact,
        figures=figures,
        reasons=verification.reasons,
        verifies=lambda connect, erased, still_wanted: journal_verification.what_is_wrong(connect, SERVICE.source, erased, still_wanted),
    )


SERVICE = Service(
    name="tickets",
    title="Tickets",
    description="The desk: tickets, their notes and their history; the journal of all services, and the audit.",
    migrations="tickets.migrations",
    build=build,
    folds={"ticket": TICKET},
    loaders={PERSON: people.load, importing.ROW: importing.load_rows, importing.TICKET: importing.load_tickets},
)


def create_app(settings: Settings) -> FastAPI:
    """Return the service as an ASGI application."""
    return create(SERVICE, settings)
