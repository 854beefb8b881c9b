"""What services share that take in history from elsewhere: items that are checked and refused one by one, and written in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ValidationError, ValidationInfo

from chassis.bodies import refused
from chassis.strings import Spelled
from events.decider import Unit
from events.errors import DomainError
from events.in_order import InOrder
from events.times import from_text
from events.writer import Writer

M = TypeVar("M", bound=BaseModel)
R = TypeVar("R")

_FIRST = datetime(1970, 1, 1, tzinfo=UTC)

Source = Annotated[
    str,
    Spelled(r"^[a-z0-9][a-z0-9._-]{0,63}$", "must be up to 64 small letters, digits, dots, _ and -, and must begin with a letter or digit"),
]
"""What the history comes from; its keys are unique within it."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An item that did not go in, and why, fit to be shown."""

    reason: str

    def to_json(self) -> dict[str, str]:
        return {"refused": self.reason}


def _moment(value: Any) -> datetime:
    if not isinstance(value, str):
        raise ValueError("must be a time")  # noqa: TRY004 (what pydantic turns into a refusal)
    return from_text(value)


def _past(value: datetime, info: ValidationInfo) -> datetime:
    if value < _FIRST:
        raise ValueError("must not be before 1970")
    if info.context is not None and value > info.context["now"]:
        raise ValueError("must not be in the future")
    return value


Past = Annotated[datetime, BeforeValidator(_moment), AfterValidator(_past)]
"""When something happened, as `events.times.to_text` writes it. What came later in a stream could not have an earlier time."""


def check_each(model: type[M], items: Sequence[Any], now: datetime) -> list[M | Refused]:
    """Return each item as the model, or why it is none."""
    return [_check(model, item, now) for item in items]


def _check(model: type[M], item: Any, now: datetime) -> M | Refused:
    try:
        return model.model_validate(item, strict=True, context={"now": now})
    except ValidationError as error:
        told = refused("body", error).facts["errors"]
        return Refused("; ".join(f"{'.'.join(map(str, each['loc'][1:]))} {each['msg']}".strip() for each in told))


async def run_each(writer: Writer, units: Sequence[Unit[R] | Refused]) -> list[R | Refused]:
    """Run the units in their order and in one transaction; return what each came to. Raises Unavailable when none was run."""
    wanted = [unit for unit in units if not isinstance(unit, Refused)]
    done = iter(await writer.execute(InOrder(wanted)) if wanted else ())
    return [unit if isinstance(unit, Refused) else _outcome(next(done)) for unit in units]


def _outcome(result: R | DomainError) -> R | Refused:
    return Refused(str(result)) if isinstance(result, DomainError) else result
