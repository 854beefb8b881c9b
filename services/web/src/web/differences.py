"""What changed between two values of JSON, leaf by leaf; between two texts it is `web.diffs`. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MOST_CHANGES = 200
LONGEST = 600
"""Characters of a value that are shown."""


class _Absent:
    """Stands for what is not there, as None is a value."""


ABSENT = _Absent()


@dataclass(frozen=True, slots=True)
class Change:
    """`path` leads to the value, `before` and `after` are scalars or lists of them; ABSENT where there was, or is, nothing of that path."""

    path: tuple[str, ...]
    before: Any
    after: Any

    @property
    def added(self) -> bool:
        return self.before is ABSENT

    @property
    def removed(self) -> bool:
        return self.after is ABSENT


def changes(before: Any, after: Any) -> list[Change]:
    """Return every leaf that is not the same in both, in the order of `after`, what only `before` has last; at most MOST_CHANGES.

    None on either side is an object that did not exist, or does no longer.
    """
    old = {} if before is None else dict(_leaves(before, ()))
    new = {} if after is None else dict(_leaves(after, ()))
    found = [Change(path, old.get(path, ABSENT), value) for path, value in new.items() if old.get(path, ABSENT) != value]
    found += [Change(path, value, ABSENT) for path, value in old.items() if path not in new]
    return found[:MOST_CHANGES]


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves(inner, (*path, str(name)))
    elif isinstance(value, list) and any(isinstance(inner, (dict, list)) for inner in value):
        for number, inner in enumerate(value, 1):
            yield from _leaves(inner, (*path, str(number)))
    else:
        yield path, value


def clip(text: str) -> str:
    """Return the beginning of a long text, with how much there is of it."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text):,} characters)"
