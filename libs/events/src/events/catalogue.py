"""The catalogue of events: which types exist, what each carries, and how old versions are read.

An event class is a frozen dataclass made by `@event`. Its fields are facts (ids, states, numbers, times as text), stored in the part
`data` and never erased. Those declared with `personal()` are stored in the part `personal`; after an erasure they are `None`.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar, dataclass_transform

Data = dict[str, Any]
Upcast = Callable[[Data, Data | None], tuple[Data, Data | None]]
Cls = TypeVar("Cls")


class UnknownType(LookupError):
    """No event of this name is in the catalogue. Consumers skip such events."""


class UnknownVersion(LookupError):
    """The name is known, this version of it is not. Consumers park such events."""


@dataclasses.dataclass(frozen=True, slots=True)
class EventType:
    """What the catalogue knows of one event class. `action` is its word in the audit list; None: it is not listed."""

    name: str
    version: int
    action: str | None
    cls: type
    data_fields: tuple[str, ...]
    personal_fields: tuple[str, ...]


def personal() -> Any:
    """Declare a field of personal data: erasable, and therefore always allowed to be missing."""
    return dataclasses.field(default=None, metadata={"personal": True})


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(dataclasses.field,))
def event(name: str, *, version: int = 1, action: str | None = None) -> Callable[[type[Cls]], type[Cls]]:
    """Make a class an event of the catalogue, named `name` on the wire and `action` in the audit list."""

    def declare(cls: type[Cls]) -> type[Cls]:
        made: Any = dataclasses.dataclass(frozen=True, slots=True, kw_only=True)(cls)
        fields = dataclasses.fields(made)
        made.event_type = EventType(
            name=name,
            version=version,
            action=action,
            cls=made,
            data_fields=tuple(f.name for f in fields if not f.metadata.get("personal")),
            personal_fields=tuple(f.name for f in fields if f.metadata.get("personal")),
        )
        return made  # type: ignore[no-any-return]

    return declare


def type_of(event: object) -> EventType:
    """Return the event type of an event or of its class. Raises AttributeError for anything else."""
    return event.event_type  # type: ignore[attr-defined, no-any-return]


def encode(event: object) -> tuple[Data, Data | None]:
    """Return the parts (data, personal) of an event; `personal` is None when there is nothing personal in it."""
    kind = type_of(event)
    data = {name: getattr(event, name) for name in kind.data_fields}
    private = {name: value for name in kind.personal_fields if (value := getattr(event, name)) is not None}
    return data, private or None


class Catalogue:
    """All event classes by name, and the steps from each old version to the next."""

    def __init__(self, classes: Iterable[type], upcasts: Mapping[tuple[str, int], Upcast] | None = None) -> None:
        self._types: dict[str, EventType] = {}
        for cls in classes:
            kind = type_of(cls)
            if kind.name in self._types:
                raise ValueError(f"The name {kind.name} stands twice in the catalogue; a name is never reused.")
            self._types[kind.name] = kind
        self._upcasts = dict(upcasts or {})

    def __iter__(self) -> Iterator[EventType]:
        return iter(self._types.values())

    def find(self, name: str) -> EventType | None:
        """Return the event type of that name, or None."""
        return self._types.get(name)

    def decode(self, name: str, version: int, data: Data, private: Data | None) -> Any:
        """Return the event, brought up to today's version; fields that it does not know are ignored.

        Raises UnknownType, UnknownVersion, or TypeError when a fact is missing.
        """
        kind = self._types.get(name)
        if kind is None:
            raise UnknownType(name)
        while version < kind.version:
            step = self._upcasts.get((name, version))
            if step is None:
                raise UnknownVersion(f"{name} version {version}")
            data, private = step(data, private)
            version += 1
        if version > kind.version:
            raise UnknownVersion(f"{name} version {version}")
        values = {field: data[field] for field in kind.data_fields if field in data}
        if private:
            values.update((field, private[field]) for field in kind.personal_fields if field in private)
        return kind.cls(**values)
