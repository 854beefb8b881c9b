"""A list as routes answer it: page by page, from where the cursor says, each cursor good for its own list alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Request

from chassis.answers import Answer, json_answer
from chassis.paging import Page, Sealer
from chassis.service import running

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of one list. `bound` is all that makes the list what it is; `after` is the key of the last item seen, None at first."""

    sealer: Sealer
    limit: int
    bound: Mapping[str, Any]
    after: Sequence[Any] | None

    @property
    def fetch(self) -> int:
        """How many rows to read: one more than the page shows tells whether there is another."""
        return self.limit + 1

    @property
    def after_one(self) -> Any:
        """The key of the last item seen where it is a single value, None at first."""
        return None if self.after is None else self.after[0]

    def answer(self, rows: Sequence[T], render: Callable[[T], Any], key: Callable[[T], Sequence[Any]]) -> Answer:
        """Answer with the page; `key` gives the sort key of a row."""
        shown = rows[: self.limit]
        following = self.sealer.seal(self.bound, key(shown[-1])) if len(rows) > self.limit else None
        return json_answer({"items": [render(row) for row in shown], "next_cursor": following})


def listing(request: Request, query: Page, **bound: Any) -> Listing:
    """Return the page that is asked for. `bound` names the list and whose it is. Raises Invalid for a cursor of another list."""
    sealer = running(request).sealer
    bound = {**query.filters(), **bound}
    after = None if query.cursor is None else sealer.open(query.cursor, bound)
    return Listing(sealer, query.limit, bound, after)
