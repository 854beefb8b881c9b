"""The writer of a service, made from what the service declares and from what every service has."""

from chassis import idempotency, quotas
from chassis.service import Running
from events.contracts import CATALOGUE
from events.following import LogFeed
from events.writer import Commit, Writer


def writer_for(live: Running) -> Writer:
    """Return the writer, not yet started: with the loaders of kept answers and quotas beside the service's own."""
    service, parts = live.service, live.parts

    def committed(commit: Commit) -> None:
        live.recent.add(commit.events)
        live.wake.notify()

    return Writer(
        live.store,
        source=service.source,
        catalogue=CATALOGUE,
        folds=service.folds,
        loaders={idempotency.KIND: idempotency.load, quotas.KIND: quotas.load, **service.loaders},
        environment=live.environment,
        feeds=[(LogFeed(CATALOGUE), parts.projections), *parts.feeds],
        appended=parts.appended,
        signer=live.signer,
        tombstones=live.tombstones,
        on_commit=committed,
        on_fatal=lambda error: live.fail(f"The writer ended: {type(error).__name__}."),
    )
