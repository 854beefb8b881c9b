"""How lines of an export are laid out, learned from a line, so that others are checked by what they have in common with it. Pure.

Nearly all lines differ from one that was seen in ids, times, digests and what was said, and most of these are as long as they were there.
So the head of an event is cut at the places where that other head was: into what is constant, which must be the same, and what varies; and
of that, what the entry says is made anew.
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from operator import itemgetter
from struct import Struct
from typing import Any, NamedTuple

import orjson

from events.contracts import CATALOGUE

HEAD, DATA = b'[],"event":{"head":', b',"data":'
PLAIN = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:./_-"
"""What stands for itself in JSON. What varies has nothing else in it, or it might end elsewhere than it seems."""
_VARYING = frozenset({
    "actorid", "causationid", "correlationid", "datadigest", "id", "personaldigest", "personalof", "recordedtime", "time", "tokenid",
})  # fmt: skip
_NUMBERS = frozenset({"sequence", "streamversion"})
_HASH = "0" * 64
_SAID = ("id", "sequence", "time", "recordedtime", "of", "actorid", "streamversion", "datadigest", "personaldigest")
_KINDS = {kind.name: (kind.action, bool({"before", "after"} & {*kind.data_fields, *kind.personal_fields})) for kind in CATALOGUE}
"""By type: its word in the audit list, and whether it says what something was before."""


class Layout(NamedTuple):
    """How some lines are laid out.

    `cut` takes a head that begins at an offset, with what follows up to the data, into `constant` parts and, behind each, one that varies.
    `said` chooses from all of them (id, sequence, time, recorded time, id of the entity, id of the actor, version of the stream, digest of
    the data, digest of the personal part); what is not there is anything. `loose` chooses the texts that are compared with nothing that has
    one spelling: they have to be plain. `entry` is what a line says before its event, to be filled in with the first six of what was
    `said`, the actor's name, both halves of what the event says, and its hash. The name, which must be one of `names`, begins `name_at`
    bytes into a line; between it and the head are `behind_name` bytes and what the event says. `paired` is whether that is something before
    and after.
    """

    source: str
    cut: Callable[[bytes, int], tuple[bytes, ...]]
    constant: tuple[bytes, ...]
    said: Callable[[tuple[bytes, ...]], tuple[bytes, ...]]
    loose: Callable[[tuple[bytes, ...]], tuple[bytes, ...]]
    entry: bytes
    names: AbstractSet[bytes]
    name_at: int
    behind_name: int
    paired: bool


def layout_of(head: bytes, sealed: bool, names: AbstractSet[bytes]) -> Layout | None:
    """Return the layout of lines whose heads are like this one, None where there is none.

    `sealed` is whether there is a personal part, `names` are those that people have. Raises ValueError, LookupError, TypeError or
    AttributeError for what is not a head.
    """
    says = orjson.loads(head)
    action, paired = _KINDS[says["type"]]
    if not head.isascii() or orjson.dumps(says, option=orjson.OPT_SORT_KEYS) != head or (paired and sealed):
        return None
    constant, varying = _parts(says)
    if "".join([*varying.values(), says["source"], says["subject"], says["actorkind"], says["actorid"]]).encode().translate(None, PLAIN):
        return None
    form = "".join(f"{len(part)}s{len(text)}s" for part, text in zip(constant, [*varying.values(), ""], strict=True))
    places = {name: 2 * number + 1 for number, name in enumerate(varying)}
    checked = {*_NUMBERS, "datadigest", *(("personaldigest",) if sealed else ())}
    before_name, behind_name = _before_name(says, action or ""), _behind_name(paired, sealed)
    name_at = len(before_name % tuple(varying.get(name, "") for name in _SAID[:6]))
    if says["actorkind"] == "system":
        name = f'"{says["actorid"]}"'
        before_name, names = f"{before_name}{name}%.0s", frozenset({name.encode()})
    else:
        before_name += "%s"
    return Layout(
        source=says["source"],
        cut=Struct(form).unpack_from,
        constant=tuple(part.encode() for part in constant),
        said=itemgetter(*(places.get(name, 0) for name in _SAID)),
        loose=itemgetter(*(places[name] for name in varying if name not in checked)),
        entry=(before_name + behind_name).replace("%s", "%b").replace("%.0s", "%.0b").encode() + HEAD,
        names=names,
        name_at=name_at,
        behind_name=len(behind_name % ("", "", _HASH)),
        paired=paired,
    )


def _parts(says: Mapping[str, Any]) -> tuple[list[str], dict[str, str]]:
    """Return the constant parts of a head, and what stands between two of them."""
    constant, varying = ["{"], dict[str, str]()
    for name, value in says.items():
        constant[-1] += f'"{name}":'
        if name in _NUMBERS:
            varying[name] = str(value)
            constant.append(",")
        elif name == "subject":
            entity, slash, of = value.partition("/")
            constant[-1] += f'"{entity}{slash}'
            varying["of"] = of
            constant.append('",')
        elif name in _VARYING and (name, says["actorkind"]) != ("actorid", "system"):
            constant[-1] += '"'
            varying[name] = value
            constant.append('",')
        else:
            constant[-1] += orjson.dumps(value).decode() + ","
    constant[-1] = constant[-1].removesuffix(",") + "}" + DATA.decode()
    return constant, varying


def _before_name(says: Mapping[str, Any], action: str) -> str:
    kind, entity = says["actorkind"], says["subject"].partition("/")[0]
    actor = f"{says['actorid']}%.0s" if kind == "system" else "%s"
    return (
        f'{{"id":"%s","source":"{says["source"]}","sequence":%s,"time":"%s","recorded_at":"%s",'
        f'"imported":{"true" if says.get("imported") else "false"},"action":"{action}",'
        f'"entity":{{"type":"{"user" if entity == "login" else entity}","id":"%s"}},"actor":{{"kind":"{kind}","id":"{actor}","name":'
    )


def _behind_name(paired: bool, sealed: bool) -> str:
    says = '%s,"after":%s' if paired else 'null,"after":%s,%s' if sealed else 'null,"after":%s%.0s'
    return f'}},"before":{says},"hash":"%s","passed":'
