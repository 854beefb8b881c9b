"""From a method and a path to the route that answers: found by the path itself, or by the first pattern that fits.

Starlette asks one route after the other, and FastAPI looks around at each; with a dozen routes that costs as much as a short answer.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.convertors import Convertor
from starlette.routing import Route
from starlette.types import Scope

from chassis.problems import MethodNotAllowed
from events.errors import NotFound


@dataclass(slots=True)
class _Address:
    """All routes of one path, by method."""

    pattern: re.Pattern[str]
    convertors: Mapping[str, Convertor[Any]]
    routes: dict[str, Route] = field(default_factory=dict)


class Dispatch:
    """Knows the routes of an application; of two paths that fit, the one without parameters counts, then the one declared first."""

    def __init__(self, routes: Iterable[Route]) -> None:
        by_path: dict[str, _Address] = {}
        for route in routes:
            address = by_path.setdefault(route.path, _Address(route.path_regex, route.param_convertors))
            for method in route.methods or ():
                address.routes.setdefault(method, route)
        self._exact = {path: address for path, address in by_path.items() if not address.convertors}
        self._patterns = [address for address in by_path.values() if address.convertors]
        if len({re.sub(r"{[^}]*", "{", path) for path in by_path}) < len(by_path):
            raise TypeError("Two paths differ only in the names of their parameters: the second would never be found.")

    def find(self, scope: Scope) -> Route:
        """Return the route of a request, with its parameters in the scope. Raises NotFound or MethodNotAllowed."""
        address, parameters = self._address(scope["path"])
        route = address.routes.get(scope["method"])
        if route is None:
            raise MethodNotAllowed(", ".join(sorted(address.routes)))
        scope["route"], scope["endpoint"], scope["path_params"] = route, route.endpoint, parameters
        return route

    def _address(self, path: str) -> tuple[_Address, dict[str, Any]]:
        if (exact := self._exact.get(path)) is not None:
            return exact, {}
        for address in self._patterns:
            if found := address.pattern.match(path):
                return address, {name: address.convertors[name].convert(text) for name, text in found.groupdict().items()}
        raise NotFound("There is nothing at this address.")
