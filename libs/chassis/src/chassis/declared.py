"""What a dependency adds to the OpenAPI document of every route that uses it: its problems, its headers, that one must be signed in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Header:
    """A request header, as the document shows it. `schema` is its JSON schema beside `type: string`."""

    name: str
    description: str
    schema: tuple[tuple[str, Any], ...] = ()

    def parameter(self) -> dict[str, Any]:
        """Return the header as an OpenAPI parameter."""
        return {
            "name": self.name,
            "in": "header",
            "required": False,
            "description": self.description,
            "schema": {"type": "string", **dict(self.schema)},
        }


@dataclass(frozen=True, slots=True)
class Declared:
    problems: tuple[str, ...] = ()
    headers: tuple[Header, ...] = ()
    security: bool = False

    def __add__(self, other: "Declared") -> "Declared":
        return Declared(self.problems + other.problems, self.headers + other.headers, self.security or other.security)


def declares(
    *problems: str, headers: Sequence[Header] = (), security: bool = False, like: Callable[..., Any] | None = None
) -> Callable[[F], F]:
    """Say what a dependency may answer (problem slugs) and reads (headers); `like` adds what another one declared."""

    def mark(function: F) -> F:
        function.declared = Declared(problems, tuple(headers), security) + declared(like)  # type: ignore[attr-defined]
        return function

    return mark


def declared(function: Callable[..., Any] | None) -> Declared:
    """Return what a dependency declared; nothing if it did not."""
    return getattr(function, "declared", Declared())
