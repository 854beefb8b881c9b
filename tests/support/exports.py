"""Exports made by hand, of logs that were written by hand."""

from collections.abc import Callable, Sequence

from events.checkpoints import Signer
from events.cosignatures import Cosigner
from events.entries import action_of
from events.envelope import StoredEvent
from events.exports import Covered, Export, Format
from events.notes import open_note
from tests.support.logs import Log

SIGNERS = {source: Signer(bytes([number] * 32), f"ste-{source.strip('/')}") for number, source in enumerate(("/auth", "/tickets"), 1)}
ABOUT = {"time": "2026-11-23T09:00:00.000000Z", "by": {"kind": "user", "id": "ada"}, "filter": {"format": "jsonl"}}
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def logs() -> dict[str, Log]:
    """Two logs with all that an event may have: people, changes, nothing at all, strange names, and types of tomorrow."""
    auth, tickets = Log("/auth"), Log("/tickets")
    for number in range(1, 8):
        auth.add(
            f"user/{number}", "user.registered", {"role": "user", "can_sign_in": True}, {"name": f"Ünïcödé {number}", "email": "a@b.c"}
        )
    auth.add(
        "user/1", "user.role_changed", {"before": {"role": "user"}, "after": {"role": "admin"}}, actorkind="system", actorid="operator"
    )
    auth.add("login/abc", "user.login_failed", {"reason": "unknown"}, actorkind="system", actorid="auth")
    auth.add("user/2", "user.password_changed", imported=True, time="2016-02-29T01:23:00.000000Z")
    for number in range(1, 10):
        text = {"title": f'=1+{number} "quoted" \\ ', "body": 'x\r\ny,"personal":null'}
        tickets.add(f"ticket/{number}", "ticket.created", {"number": number, "priority": "high", "status": "open"}, text)
    tickets.add("ticket/1", "ticket.status_changed", {"before": {"status": "open"}, "after": {"status": "resolved"}, "requester": "1"})
    tickets.add("ticket/1", "ticket.edited", {"fields": ["title"]}, {"before": {"title": "a"}, "after": {"title": "b"}})
    tickets.add("ticket/2", "ticket.created_anew", {"after": 1})
    return {"/auth": auth, "/tickets": tickets}


def exported(
    format_: Format, wanted: Callable[[StoredEvent], bool] = lambda _: True, signed_beyond: int = 0, witnesses: Sequence[Cosigner] = ()
) -> bytes:
    """Return an export; the checkpoints are over so many events more than it has."""
    written = logs()
    covered = []
    for source, log in written.items():
        for number in range(signed_beyond):
            log.add(f"ticket/{number + 50}" if source == "/tickets" else f"user/{number + 50}", "user.deactivated")
        log.sign(SIGNERS[source])
        size, note = log.notes[-1]
        words = "".join(witness.cosign(open_note(note)[0], 1_795_000_000) for witness in witnesses)
        keys = [SIGNERS[source].public_key, *(witness.public_key for witness in witnesses)]
        covered.append(Covered(source, size, note + words, keys, []))
    export = Export(format=format_, covered=covered)
    parts = [export.beginning()]
    events = [stored for log in written.values() for stored in log.events]
    for number, stored in enumerate(sorted(events, key=lambda each: (each.sequence, each.source))):
        traced = stored._replace(traceparent=TRACE) if number % 5 == 0 else stored
        beyond = stored.sequence > len(written[stored.source].events) - signed_beyond
        action = action_of(stored.type)
        if beyond or action is None or not wanted(stored):
            export.pass_over(traced)
        else:
            parts.append(export.entry(traced, action, None if number % 7 == 0 else f"Näme {number}"))
    return b"".join([*parts, export.end(ABOUT, SIGNERS["/tickets"])])
