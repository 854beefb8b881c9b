"""Verifying the store of a service that lives: in a thread, until the service goes down, and with auth's word for who was erased."""

from collections.abc import Mapping
from typing import Any

from chassis.erasing import Erased
from chassis.service import Running
from events.errors import Unavailable
from events.verify import Seen, verify_store
from events.walkers import crew_of

_UNASKED = "Personal parts are missing, and auth, which knows who was erased, cannot be asked. Verify it again once auth answers."


def verified(live: Running, seen: Mapping[str, Seen], erased: Erased) -> dict[str, Any]:
    """Verify this store from disk, first its log, then what is kept beside it, and return the report in the shape of `/api/audit/verify`.

    `ok` is None where nothing is wrong but what only auth can excuse, and auth cannot be asked. Raises Unavailable at SIGTERM.
    """

    def still_wanted(done: int, total: int) -> None:
        live.verified = done, total
        if live.stopping.is_set():
            raise Unavailable("The service is going down.")

    found = verify_store(
        live.store.read,
        source=live.service.source,
        public_keys=live.keys.all,
        seen=seen,
        erased=lambda person, _sequence: person in erased,
        progress=still_wanted,
        crew=crew_of(live.store.url),
    )
    report = found.as_dict()
    if found.ok and live.parts.verifies is not None:
        wrong = live.parts.verifies(live.store.read, lambda person: person in erased, lambda: still_wanted(*live.verified))
        if wrong is not None:
            return report | {"ok": False, "first_bad_sequence": wrong[0], "reason": wrong[1]}
    return report | {"ok": None, "reason": _UNASKED} if found.ok and erased.unasked else report
