"""What comes in, read so strictly that two parsers could not disagree about it. Nothing that was sent is ever said back."""

import json
import re
from collections.abc import Collection, Iterable
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request

from chassis.problems import NotJson, TooLarge
from chassis.strings import LARGEST_INTEGER
from events.errors import Invalid

LARGEST_BODY = 1_000_000
"""Bytes."""
LONGEST_SEGMENT = 200
"""Characters of one path parameter."""
_MOST_ERRORS = 20
_MOST_FIELDS = 50
_HALF_A_PAIR = re.compile("[\ud800-\udfff]")
_WORDS = {
    "string_pattern_mismatch": "is not spelled as it has to be; the document of the API has the pattern",  # `strings.Spelled` says more
    "model_type": "Input should be an object",
    "model_attributes_type": "Input should be an object",
    "dict_type": "Input should be an object",
}
"""What is said instead of what the validation says in words of its own trade, by the type of the error."""
_PLAIN_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]{0,39}")

__all__ = ["LARGEST_BODY", "LARGEST_INTEGER", "LONGEST_SEGMENT", "check", "query", "read", "refused", "unknown_parameters"]


async def read(request: Request) -> bytes:
    """Return the body; `await request.body()` then gives it again. Raises NotJson or TooLarge."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json" and not (media.startswith("application/") and media.endswith("+json")):
        raise NotJson("Send the body as application/json.")
    return await read_bounded(request)


async def read_bounded(request: Request) -> bytes:
    """Return the body of whatever type. Raises TooLarge, before reading where the length is announced."""
    known: bytes | None = getattr(request, "_body", None)
    if known is not None:
        return known
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:20]) > LARGEST_BODY:
        _too_large()
    chunks, size = [], 0
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > LARGEST_BODY:
            _too_large()
        chunks.append(chunk)
        if not message.get("more_body", False):
            break
    body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    request._body = body  # noqa: SLF001 (where Starlette keeps it: `request.body()` answers from there)
    return body


def _too_large() -> NoReturn:
    raise TooLarge(f"A body may have up to {LARGEST_BODY} bytes.")


def check(raw: bytes) -> None:
    """Raise Invalid unless `raw` is JSON in which every name stands once and every value has one meaning for every reader.

    Refused: duplicate names, NaN and Infinity, numbers beyond 64 bits, NUL and lone surrogates in texts, nesting bombs.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise _invalid("not UTF-8") from None
    try:
        value = _DECODER.decode(text)
        if "\\u" in text:
            _check_texts(value)
    except RecursionError:
        raise _invalid("nested too deeply") from None
    except ValueError as error:
        raise _invalid(str(error) if isinstance(error, _Refused) else "not JSON") from None


class _Refused(ValueError):
    """Its message is ours and may be told."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Refused("a name stands twice in an object")
    return members


def _integer(digits: str) -> int:
    if len(digits) > 20 or abs(value := int(digits)) > LARGEST_INTEGER:
        raise _Refused("a number is too large")
    return value


def _number(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise _Refused("a number is too large")
    return value


def _no_constant(_: str) -> NoReturn:
    raise _Refused("not JSON: NaN and Infinity are no numbers")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_integer, parse_float=_number, parse_constant=_no_constant)


def _check_texts(value: Any) -> None:
    match value:
        case str():
            if "\x00" in value:
                raise _Refused("a text contains a NUL character")
            if not value.isascii() and _HALF_A_PAIR.search(value):
                raise _Refused("a text contains half of a surrogate pair")
        case list():
            for item in value:
                _check_texts(item)
        case dict():
            for name, item in value.items():
                _check_texts(name)
                _check_texts(item)


def query(raw: bytes, repeatable: Collection[str] = ()) -> dict[str, str]:
    """Return the parameters of a query string; what a `repeatable` one has more than once is joined by commas.

    Raises Invalid for others that are repeated, too many, NUL, or what is not UTF-8.
    """
    if not raw:
        return {}
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise Invalid("The query cannot be read.", [(("query",), "must be percent-encoded UTF-8 with few parameters")]) from None
    values: dict[str, str] = {}
    for name, value in pairs:
        if name in values and name not in repeatable:
            raise Invalid("A parameter stands twice in the query.", [(("query",), "each parameter may stand once")])
        values[name] = f"{values[name]},{value}" if name in values else value
    if any("\x00" in name or "\x00" in value for name, value in pairs):
        raise Invalid("A parameter cannot be meant.", [(("query",), "must not contain a NUL character")])
    return values


def refused(where: str, error: ValidationError) -> Invalid:
    """Return what a 422 says about a validation error: where, and which rule; never the value, nor a name that was not ours."""
    told = [
        ((where, *_location(item["type"], item["loc"])), _WORDS.get(item["type"]) or item["msg"].removeprefix("Value error, "))
        for item in error.errors(include_url=False, include_context=False, include_input=False)[:_MOST_ERRORS]
    ]
    return Invalid(f"The {where} breaks {'a rule' if len(told) == 1 else 'some rules'}.", told)


def unknown_parameters(names: Iterable[str]) -> Invalid:
    """Return what a 422 says about parameters that an address does not take."""
    told = [(("query", *_location("extra_forbidden", (name,))), "Extra inputs are not permitted") for name in names]
    return Invalid("The query has what is not known here.", told[:_MOST_ERRORS])


def _location(kind: str, loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Where it is; the name of an unknown field is what someone sent, and only said back when it looks like a name."""
    unknown = kind == "extra_forbidden" and not _PLAIN_NAME.fullmatch(str(loc[-1]))
    return loc[:-1] if unknown else loc


def _invalid(rule: str) -> Invalid:
    return Invalid("The body cannot be read.", [(("body",), rule)])
