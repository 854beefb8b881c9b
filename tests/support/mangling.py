"""Every small way in which a text of JSON can be damaged: a byte, or a member that is lost, doubled or of another kind."""

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

Path = tuple[str | int, ...]
OTHERS: tuple[Any, ...] = (
    *(None, True, 0, -1, 5, 1.5, 2**53, 10**400),
    *("", "x", "ab", "=", "é", "\ud800", "a\n\nb\n"),
    *([], {}, [None], {"x": "y"}),
)
"""What is put where something else was."""


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield where everything is that a value holds, itself first."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield from places(inner, (*path, name))


def mangled_json(text: bytes) -> st.SearchStrategy[bytes]:
    """Return texts in which one member is gone, is there twice, or is something else."""
    document = json.loads(text)
    everywhere = list(places(document))
    return st.builds(
        lambda path, how, other: _written(document, path, how, other).encode("utf-8", "surrogatepass"),
        st.sampled_from(everywhere),
        st.sampled_from(("gone", "twice", "other", "other", "longer", "shorter")),
        st.sampled_from(OTHERS),
    )


def mangled_bytes(text: bytes) -> st.SearchStrategy[bytes]:
    """Return texts in which one byte is another, or some bytes are gone or there twice."""
    at, length = st.integers(0, len(text) - 1), st.integers(1, 80)
    return st.one_of(
        st.builds(lambda at, to: text[:at] + bytes([to]) + text[at + 1 :], at, st.integers(0, 255)),
        st.builds(lambda at, length: text[:at] + text[at + length :], at, length),
        st.builds(lambda at, length: text[: at + length] + text[at:], at, length),
    )


def _written(value: Any, path: Path, how: str, other: Any, at: Path = ()) -> str:
    """Return a value as JSON, with what is done at the place `path`."""
    if at == path and how == "other":
        return json.dumps(other)
    if at == path and isinstance(value, str):
        value = {"longer": value + value, "shorter": value[: len(value) // 2]}.get(how, value)
    if isinstance(value, dict | list):
        pieces = []
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            here = (*at, name)
            times = {"gone": 0, "twice": 2}.get(how, 1) if here == path else 1
            label = f"{json.dumps(name)}:" if isinstance(name, str) else ""
            pieces += [label + _written(inner, path, how, other, here)] * times
        return ("{%s}" if isinstance(value, dict) else "[%s]") % ",".join(pieces)
    return json.dumps(value, ensure_ascii=False)
