"""The library `eventsourcing` as a peer: how many aggregates a second it saves. In the peers' environment; it imports nothing of ours.

`python eventsourcing_peer.py FILE COUNT ROUNDS` prints a JSON list of rates. The store is a SQLite file with the library's own settings.
"""

import json
import os
import sys
import time
from pathlib import Path

from eventsourcing.application import Application  # type: ignore[import-not-found]
from eventsourcing.domain import Aggregate, event  # type: ignore[import-not-found]

TITLE = "The printer on the second floor burns"
BODY = "It began this morning, in tray 2."
PERSON = "0192f0c1-2345-7abc-8def-0123456789ab"


class Ticket(Aggregate):  # type: ignore[misc] # the library is not in our environment
    @event("Created")  # type: ignore[untyped-decorator]
    def __init__(self, *, number: int, requester: str, priority: str, status: str, title: str, body: str) -> None:
        self.number, self.requester, self.priority = number, requester, priority
        self.status, self.title, self.body = status, title, body


def rate(application: Application, first: int, count: int) -> float:
    """Return how many tickets a second are saved, each in a transaction of its own, as `app.save` does."""
    began = time.perf_counter()
    for number in range(first, first + count):
        application.save(Ticket(number=number, requester=PERSON, priority="normal", status="open", title=TITLE, body=BODY))
    return count / (time.perf_counter() - began)


def main() -> None:
    file, count, rounds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    os.environ |= {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(file)}
    application = Application()
    rate(application, 0, 20)  # what is made at the first save
    for number in range(rounds):
        sys.stdin.readline()  # the rounds of the others come in between
        print(json.dumps(rate(application, 1000 + number * count, count)), flush=True)


if __name__ == "__main__":
    main()
