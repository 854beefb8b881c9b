"""An edit that meets another: what can be saved without asking, and what somebody has to choose. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

FIELDS = ("title", "body")
Texts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Merge:
    """`mine` is what the ticket would say with the edit; `clashes` are the fields that both have changed, each to something else."""

    mine: dict[str, str]
    clashes: tuple[str, ...]
    changes: dict[str, str]
    """What is to be sent: the fields that the edit changes in the ticket as it is now."""


def merge(mine: Texts, base: Texts | None, now: Texts) -> Merge:
    """Return what becomes of an edit `mine`, made from `base`, of a ticket that is `now` something else.

    A field that only one side has changed is that side's. Without a base, every field that differs is a clash.
    """
    wanted = {name: mine[name].strip() for name in FIELDS}
    edited = {name for name in FIELDS if base is None or wanted[name] != base[name]}
    kept = {name: wanted[name] if name in edited else now[name] for name in FIELDS}
    clashes = tuple(name for name in FIELDS if kept[name] != now[name] and (base is None or base[name] != now[name]))
    return Merge(kept, clashes, {name: kept[name] for name in FIELDS if kept[name] != now[name]})
