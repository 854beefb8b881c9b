"""What differs between two texts, word by word. Pure.

Two long texts are not compared word by word where they differ: that takes a time that grows with the product of their lengths, and with its
square for texts that somebody wrote to that end. Nor is the result shown where little of both is the same: nobody could read it. Then the
one is shown as gone and the other as new.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Literal

Kind = Literal["same", "gone", "new", "left_out"]
_WORD = re.compile(r"\s*\S+|\s+")
_PRODUCT = 40_000
"""The most pairs of words that are compared: some milliseconds, and less than a hundred at the very worst."""
_FEW = 0.3
"""Of two stretches, the part that has to be the same: below it, both mixed are harder to read than one after the other."""
_AROUND = 80
"""Characters of unchanged text that are shown before and after a change."""
_LONGEST = 1_200
"""Characters that are shown of one change."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of text. Of `left_out`, `text` says how much it is."""

    kind: Kind
    text: str


def between(before: str, after: str) -> list[Part]:
    """Return the parts of both texts in order: without `new` they are `before`, without `gone` they are `after`."""
    old, new = _WORD.findall(before), _WORD.findall(after)
    first = _common(old, new)
    last = _common(old[first:][::-1], new[first:][::-1])
    middle = _compared(old[first : len(old) - last], new[first : len(new) - last])
    return list(_joined([Part("same", "".join(old[:first])), *middle, Part("same", "".join(old[len(old) - last :]))]))


def shown(parts: list[Part]) -> list[Part]:
    """Return the parts as they are shown: long stretches cut, so that the changes are seen, and no page grows with the texts."""
    found: list[Part] = []
    for place, part in enumerate(parts):
        if part.kind != "same":
            found += [replace(part, text=part.text[:_LONGEST]), _left_out(part.text[_LONGEST:])] if len(part.text) > _LONGEST else [part]
            continue
        head = part.text[:_AROUND] if place > 0 else ""
        tail = part.text[-_AROUND:] if place < len(parts) - 1 else ""
        if len(part.text) <= len(head) + len(tail) + _AROUND:
            found.append(part)
        else:
            found += [Part("same", head), _left_out(part.text[len(head) : len(part.text) - len(tail)]), Part("same", tail)]
    return [part for part in found if part.text]


def _common(old: list[str], new: list[str]) -> int:
    return next((place for place, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), min(len(old), len(new)))


def _compared(old: list[str], new: list[str]) -> Iterator[Part]:
    if len(old) * len(new) > _PRODUCT:
        yield from (Part("gone", "".join(old)), Part("new", "".join(new)))
        return
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    if matcher.ratio() < _FEW:
        yield from (Part("gone", "".join(old)), Part("new", "".join(new)))
        return
    for tag, begin, end, new_begin, new_end in matcher.get_opcodes():
        if tag == "equal":
            yield Part("same", "".join(old[begin:end]))
        else:
            yield from (Part("gone", "".join(old[begin:end])), Part("new", "".join(new[new_begin:new_end])))


def _joined(parts: list[Part]) -> Iterator[Part]:
    """Yield the parts without empty ones, those of a kind that follow each other as one."""
    last: Part | None = None
    for part in parts:
        if not part.text:
            continue
        if last is not None and last.kind == part.kind:
            last = replace(last, text=last.text + part.text)
            continue
        if last is not None:
            yield last
        last = part
    if last is not None:
        yield last


def _left_out(text: str) -> Part:
    words = len(text.split())
    return Part("left_out", f"{words:,} {'word' if words == 1 else 'words'}" if words else "")
