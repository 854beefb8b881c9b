"""Text as it may come in: trimmed, bounded in code points, and without what no store and no screen can hold."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from annotated_types import GroupedMetadata
from pydantic import AfterValidator, BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, StringConstraints, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

LARGEST_INTEGER = 2**63 - 1
"""What a 64-bit column holds. A larger id names nothing."""


def clean(text: str) -> str:
    """Return `text` as it is. Raises ValueError for NUL characters and lone surrogates, which no UTF-8 store can keep."""
    if "\x00" in text:
        raise ValueError("must not contain a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("must not contain half of a surrogate pair") from None
    return text


@dataclass(frozen=True, slots=True)
class Text(GroupedMetadata):
    """`Annotated[str, Text(1, 200)]`: a trimmed text whose length in code points lies within the bounds."""

    min_length: int
    max_length: int

    def __iter__(self) -> Iterator[Any]:
        yield StringConstraints(strip_whitespace=True, min_length=self.min_length, max_length=self.max_length)
        yield AfterValidator(self._trimmed)

    def _trimmed(self, text: str) -> str:
        text = clean(text).strip()  # Python's white space is a little more than pydantic's
        if len(text) < self.min_length:
            raise ValueError(f"must have at least {self.min_length} characters")
        return text


@dataclass(frozen=True, slots=True)
class Secret(GroupedMetadata):
    """`Annotated[str, Secret(8, 256)]`: a password, which counts exactly as it was typed, white space included."""

    min_length: int
    max_length: int

    def __iter__(self) -> Iterator[Any]:
        yield StringConstraints(min_length=self.min_length, max_length=self.max_length)
        yield AfterValidator(clean)


@dataclass(frozen=True, slots=True)
class Spelled:
    """`Annotated[str, Spelled("^[a-z]+$", "must be …")]`: a text that a pattern describes. Who breaks it is told `rule`, not the pattern.

    The document of the API has the pattern, for programs. Length is said by its own constraints, where it is bounded beside it.
    """

    pattern: str
    rule: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._spelled, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "pattern": self.pattern}

    def _spelled(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text, re.ASCII):
            raise ValueError(self.rule)
        return text


def _flag(value: Any) -> Any:
    if isinstance(value, bool) or value in ("true", "false"):
        return value in (True, "true")
    raise ValueError("must be true or false")


REPEATABLE = "repeatable"
"""In the metadata of a query's field: the parameter may stand several times, and the field is given its values joined by commas."""
Flag = Annotated[bool, BeforeValidator(_flag), WithJsonSchema({"type": "boolean"})]
"""A yes or no in a query: `true` or `false`, and none of the many other words that could be taken for one."""
