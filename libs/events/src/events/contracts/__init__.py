"""The published event classes, and the catalogue of them all."""

from types import ModuleType

from events.catalogue import Catalogue
from events.contracts import escalation, operation, ticket, user
from events.upcasts import UPCASTS


def _declared(module: ModuleType) -> list[type]:
    return [value for value in vars(module).values() if isinstance(value, type) and hasattr(value, "event_type")]


CATALOGUE = Catalogue([cls for module in (user, ticket, escalation, operation) for cls in _declared(module)], UPCASTS)
