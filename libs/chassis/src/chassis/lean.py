"""The route class of every route: FastAPI's declaration and OpenAPI document, without its machinery per request.

What an endpoint asks for is looked at once, when the route is made; a request then runs a short list of getters. Parameters may be path
parameters, one pydantic body model, `Annotated[Model, Query()]`, `Request`, and `Annotated[X, Depends(f)]` with f(request), async or not.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, cast, get_args, get_origin, get_type_hints

from fastapi import params
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import SchemaValidator
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from chassis import bodies
from chassis.answers import Answer, to_bytes
from chassis.declared import Declared, declared
from chassis.principal import SAFE_METHODS
from chassis.problems import instance_of, merge, problem, responses
from chassis.strings import REPEATABLE
from events.errors import DomainError, NotFound

Getter = Callable[[Request], Any]
Plan = tuple[tuple[str | None, Getter, bool], ...]
"""(parameter, getter, whether it is to be awaited), in the order in which they are asked: who it is comes before what was sent.

Without a parameter something is only looked at.
"""

_DEPENDENCY, _PATH, _QUERY, _BODY = range(4)


class LeanRoute(APIRoute):
    """See the module. Problems and headers that dependencies declare (`chassis.declared`) are added to the route's document."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        guards = [_guard(depends) for depends in options.get("dependencies") or ()]
        self._plan, found, slugs = _plan(endpoint, path)
        self._guards = tuple((getter, waits) for getter, waits, _ in guards)
        found = sum((declares for _, _, declares in guards), found)
        if found.security and not SAFE_METHODS.issuperset(options.get("methods") or ()):
            slugs.append("cross-site")
        options["responses"] = merge(options.get("responses") or {}, responses(*slugs, *found.problems))
        options["openapi_extra"] = {**_extra(found), **(options.get("openapi_extra") or {})}
        super().__init__(path, endpoint, **options)
        self.app = self._answer

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        try:
            response = await self._respond(request)
        except DomainError as error:
            scope["ste.problem"] = error.code
            response = problem(error, instance_of(request))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        for getter, waits in self._guards:
            value = getter(request)
            if waits:
                await value
        values = {}
        for name, getter, waits in self._plan:
            value = getter(request)
            if waits:
                value = await value
            if name is not None:
                values[name] = value
        result = await self.endpoint(**values)
        if isinstance(result, Response):
            return result
        return Answer(to_bytes(result), self.status_code or 200)


def _plan(endpoint: Callable[..., Any], path: str) -> tuple[Plan, Declared, list[str]]:
    """Return how to fill the endpoint's parameters, what its dependencies declare, and the problems that its input can have.

    Raises TypeError for an endpoint that is not async or has a parameter of another sort.
    """
    if not inspect.iscoroutinefunction(endpoint):
        raise TypeError(f"{endpoint.__qualname__} must be async: a thread per request costs more than most answers.")
    hints = get_type_hints(endpoint, include_extras=True)
    in_path = {part.partition(":")[0] for part in _between_braces(path)}
    steps: list[tuple[int, str | None, Getter, bool]] = []
    found, slugs = Declared(), []
    for name in inspect.signature(endpoint).parameters:
        order, getter, waits = _step(endpoint, name, hints[name], in_path)
        steps.append((order, name, getter, waits))
        found += declared(getattr(getter, "depends_on", None))
        slugs += {_PATH: ["not-found"], _QUERY: ["invalid"], _BODY: ["too-large", "unsupported-media-type", "invalid"]}.get(order, [])
    if path.startswith("/api/") and not any(order == _QUERY for order, *_ in steps):
        steps.append((_QUERY, None, _no_query, False))
        slugs.append("invalid")
    steps.sort(key=lambda step: step[0])
    return tuple((name, getter, waits) for _, name, getter, waits in steps), found, slugs


def _guard(depends: params.Depends) -> tuple[Getter, bool, Declared]:
    """Return a dependency that a route or its router has for its effect alone, and what it declares."""
    function = cast("Callable[[Request], Any]", depends.dependency)
    return *_dependency(function), declared(function)


def _step(endpoint: Callable[..., Any], name: str, hint: Any, in_path: set[str]) -> tuple[int, Getter, bool]:
    kind, marks = (get_args(hint)[0], get_args(hint)[1:]) if get_origin(hint) is Annotated else (hint, ())
    depends = next((mark for mark in marks if isinstance(mark, params.Depends)), None)
    if depends is not None:
        return _DEPENDENCY, *_dependency(cast("Callable[[Request], Any]", depends.dependency))
    if kind is Request:
        return _DEPENDENCY, _itself, False
    if name in in_path:
        return _PATH, _path_getter(name, hint), False
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if any(isinstance(mark, params.Query) for mark in marks):
            return _QUERY, _query_getter(kind), False
        return _BODY, _body_getter(kind), True
    raise TypeError(f"{endpoint.__qualname__}: {name} is none of the parameters that a lean route knows.")


def _dependency(function: Callable[[Request], Any]) -> tuple[Getter, bool]:
    if len(inspect.signature(function).parameters) != 1:
        raise TypeError(f"{function.__qualname__} must take the request and nothing else.")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"{function.__qualname__} must not yield: what it does afterwards would come after the answer.")

    def getter(request: Request) -> Any:
        return function(request)

    getter.depends_on = function  # type: ignore[attr-defined]
    return getter, inspect.iscoroutinefunction(function)


def _itself(request: Request) -> Request:
    return request


def _path_getter(name: str, hint: Any) -> Getter:
    validate = cast("SchemaValidator", TypeAdapter(hint).validator).validate_strings

    def getter(request: Request) -> Any:
        try:
            text = request.path_params[name]
            if "\x00" in text or len(text) > bodies.LONGEST_SEGMENT:
                raise NotFound("There is no such thing.")
            value = validate(text)
        except ValidationError:
            raise NotFound("There is no such thing.") from None
        if isinstance(value, int) and (abs(value) > bodies.LARGEST_INTEGER or str(value) != text):  # one thing has one address
            raise NotFound("There is no such thing.")
        return value

    return getter


def _query_getter(model: type[BaseModel]) -> Getter:
    validate = model.__pydantic_validator__.validate_strings
    repeatable = frozenset(name for name, field in model.model_fields.items() if REPEATABLE in field.metadata)
    unasked = _without_parameters(model)

    def getter(request: Request) -> BaseModel:
        if unasked is not None and not request.scope["query_string"]:
            return unasked
        values = bodies.query(request.scope["query_string"], repeatable)
        try:
            return validate(values)  # type: ignore[arg-type, no-any-return]
        except ValidationError as error:
            raise bodies.refused("query", error) from None

    return getter


def _without_parameters(model: type[BaseModel]) -> BaseModel | None:
    """Return what a query without parameters is, once for all requests; None where it is none, or where requests could not share it."""
    if not model.model_config.get("frozen"):
        return None
    try:
        return model()
    except ValidationError:
        return None


def _no_query(request: Request) -> None:
    """Refuse parameters where the API knows none: who asks for the past, say, must not be given the present."""
    if unknown := bodies.query(request.scope["query_string"]):
        raise bodies.unknown_parameters(unknown)


def _body_getter(model: type[BaseModel]) -> Callable[[Request], Awaitable[BaseModel]]:
    validate = model.__pydantic_validator__.validate_json

    async def getter(request: Request) -> BaseModel:
        raw = await bodies.read(request)
        bodies.check(raw)
        try:
            return validate(raw, strict=True)  # type: ignore[no-any-return]
        except ValidationError as error:
            raise bodies.refused("body", error) from None

    return getter


def _between_braces(path: str) -> list[str]:
    return [part.partition("}")[0] for part in path.split("{")[1:]]


def _extra(found: Declared) -> Mapping[str, Any]:
    extra: dict[str, Any] = {}
    if found.headers:
        extra["parameters"] = [header.parameter() for header in dict.fromkeys(found.headers)]
    if found.security:
        extra["security"] = [{"session": []}, {"token": []}]
    return extra
