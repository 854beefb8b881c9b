"""What operators do, and what the services find out about their stores. Any service may own these."""

from typing import Any

from events.catalogue import event


@event("job.retried", action="job_retried")
class JobRetried:
    """Subject `job/<id>`."""

    job: str
    type: str


@event("event.retried", action="event_retried")
class EventRetried:
    """An operator tries a parked event again. Subject `store/<service>`."""

    source: str
    sequence: int
    event: str


@event("event.skipped", action="event_skipped")
class EventSkipped:
    """An operator gives a parked event up. Subject `store/<service>`."""

    source: str
    sequence: int
    event: str


@event("event.skip_explained", action="event_skip_explained")
class EventSkipExplained:
    """Why the event before it in its stream, an `event.skipped`, gave that up; `reason` is a code. Subject `store/<service>`.

    An event of its own, so that a process that knows only `event.skipped` goes on reading those.
    """

    source: str
    sequence: int
    event: str
    reason: str


@event("relay.refilled", action="relay_refilled")
class RelayRefilled:
    """An operator let the relay delete its stream and fill it again. Subject `store/<service>`."""

    stream: str


@event("projection.rebuilt", action="projection_rebuilt")
class ProjectionRebuilt:
    """Derived tables were not what follows from the history up to `position`, and are now. Subject `store/<service>`.

    `mended` is how many rows were not.
    """

    projection: str
    position: int
    mended: int


@event("audit.read", action="audit_read")
class AuditRead:
    """Subject `store/tickets`."""

    filter: dict[str, Any]


@event("ledger.verified", action="ledger_verified")
class LedgerVerified:
    """Subject `store/tickets`. `stores` are [{"source", "ok", "events", "hash"}]."""

    ok: bool
    stores: list[dict[str, Any]]


@event("store.restored", action="store_restored")
class StoreRestored:
    """Subject `store/<service>`. What `origin_before` held above `cut` is no longer part of history."""

    origin_before: str
    cut: int


@event("desk.copied", action="desk_copied")
class DeskCopied:
    """An operator took a copy of the whole desk: a `backup` or an `export`. Subject `store/<service>`.

    `primary` is whether passwords' hashes and what else stands in no event are in it, `position` the last of the journal in it, and
    `digest` the SHA-256, in hex, of the file in it that names all others with theirs.
    """

    kind: str
    primary: bool
    position: int
    digest: str


@event("history.imported", action="history_imported")
class HistoryImported:
    """An operator brought history of another desk in, and this run added so much. Subject `store/<service>`.

    `digest` is the SHA-256, in hex, of the file, None when it was none that can be read twice; `complete` is whether the run came to its
    end. `known` rows had been in before, `broken` ones could not be brought in.
    """

    source: str
    digest: str | None
    complete: bool
    people: int
    rows: int
    tickets: int
    events: int
    known: int
    broken: int


@event("witness.resolved", action="witness_resolved")
class WitnessResolved:
    """An operator ended an alarm over a source's history, or, `accepted`, took it as it is now. Subject `store/<service>`."""

    source: str
    accepted: bool
    alarm: str | None


@event("webhook.changed", action="webhook_changed")
class WebhookChanged:
    """Subject `webhook/<id>`."""

    before: dict[str, Any] | None
    after: dict[str, Any] | None
