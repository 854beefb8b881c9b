"""What changed between two values of JSON, and between two texts, as people read it. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

MOST_CHANGES = 200
LONGEST = 600
"""Characters of a value that are shown."""
_COMPARED = 2_000
"""Characters of a text, up to which it is compared word by word."""
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_FEW = 0.3
"""Of two texts, the part that has to be the same: below it, both mixed are harder to read than one after the other."""

Part = tuple[Literal["same", "gone", "new"], str]


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


def compare(before: str, after: str) -> list[Part]:
    """Return the two texts as one: the parts that stayed, went and came, in order. Long or different ones: one, then the other."""
    if max(len(before), len(after)) <= _COMPARED:
        old, new = _WORDS.findall(before), _WORDS.findall(after)
        matcher = SequenceMatcher(None, old, new, autojunk=False)
        if matcher.ratio() >= _FEW:
            return list(_mixed(matcher, old, new))
    parts: list[Part] = [("gone", clip(before)), ("new", clip(after))]
    return [part for part in parts if part[1]]


def _mixed(matcher: "SequenceMatcher[str]", old: list[str], new: list[str]) -> Iterator[Part]:
    for kind, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if kind == "equal":
            yield "same", "".join(old[old_from:old_to])
            continue
        if old_to > old_from:
            yield "gone", "".join(old[old_from:old_to])
        if new_to > new_from:
            yield "new", "".join(new[new_from:new_to])


def clip(text: str) -> str:
    """Return the beginning of a long text, with how much there is of it."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text):,} characters)"
