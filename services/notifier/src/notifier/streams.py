"""The live feed of one's own notifications: what is said on a stream (`chassis.sse`), and whose bells ring when."""

from dataclasses import dataclass

from chassis.answers import to_bytes
from chassis.sse import Seats
from events.hints import Wake
from events.store import Store
from notifier.queries import changed_inboxes, following, last_change, last_position, unread_count
from notifier.schemas import notification_out

_PAGE = 100


class Switchboard(Seats):
    """Reads once, for all streams of this process, whose inbox has changed, and rings their bells."""

    def __init__(self, store: Store, wake: Wake) -> None:
        super().__init__()
        self._store, self._wake = store, wake

    async def run(self) -> None:
        """Ring whoever is concerned after each commit, for ever."""
        generation = self._wake.generation
        with self._store.read() as connection:
            last = last_change(connection)
        self.ring_all()  # what changed before we looked was not rung for
        while True:
            generation = await self._wake.after(generation)
            last = self._ring_changed(last)

    def _ring_changed(self, after: int) -> int:
        """Ring for every change that followed the change `after`, and return the last one."""
        with self._store.read() as connection:
            while changed := changed_inboxes(connection, after, _PAGE):
                for _, person in changed:
                    self.ring(person)
                after = changed[-1][0]
        return after


@dataclass(slots=True)
class Feed:
    """What there is to say to one reader. `after` is the position that the reader has reached, None for one that begins now."""

    store: Store
    person: str
    after: int | None
    unread: int | None = None

    async def news(self) -> bytes:
        """Return what has come, at most a page, and the count when it is another; b"" when there is nothing."""
        with self.store.read() as connection:
            last = last_position(connection, self.person)
            if self.after is None or self.after > last:  # it begins now, or has seen what a restore took back
                self.after = last
            rows = following(connection, self.person, self.after, _PAGE) if self.after < last else []
            unread = unread_count(connection, self.person)
        said = [_event("notification", row["position"], to_bytes(notification_out(row))) for row in rows]
        if rows:
            self.after = int(rows[-1]["position"])
        if unread != self.unread:
            self.unread = unread
            said.append(_event("unread", self.after, b'{"count":%d}' % unread))
        return b"".join(said)

    def heartbeat(self) -> bytes:
        """Return a comment, which readers pass over."""
        return b": heartbeat\n\n"


def _event(name: str, position: int, data: bytes) -> bytes:
    return b"event: %b\nid: %d\ndata: %b\n\n" % (name.encode(), position, data)
