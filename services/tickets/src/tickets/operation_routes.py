"""What `ste` has written down of what was done to the whole desk: copies, history that was brought in, stores that were verified."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import Field, StringConstraints
from starlette.responses import Response

from chassis.answers import no_content
from chassis.callers import operator_only
from chassis.context import context
from chassis.importing import Source
from chassis.internal import OPERATOR
from chassis.lean import LeanRoute
from chassis.service import running
from chassis.settings import SERVICES
from chassis.strings import LARGEST_INTEGER
from events.contracts.operation import DeskCopied, HistoryImported
from events.operations import Note
from tickets.dependencies import parts
from tickets.schemas import In

router = APIRouter(prefix="/internal", route_class=LeanRoute, include_in_schema=False)

Count = Annotated[int, Field(ge=0, le=LARGEST_INTEGER)]
Digest = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class Copied(In):
    """As the event: a copy that is whole and verified, and is about to be given its name."""

    kind: Literal["backup", "export"]
    primary: bool
    position: Count
    digest: Digest


class Run(In):
    """As the event: a run of an import, `complete` when it came to the file's end."""

    source: Source
    digest: Digest | None
    complete: bool
    people: Count
    rows: Count
    tickets: Count
    events: Count
    known: Count
    broken: Count


class Head(In):
    """The place at which a walk ended; `hash` is null where there was none."""

    sequence: Count
    hash: Digest | None


class Told(In):
    """What a service said of its own store, or, with `ok` null, why it could not be asked."""

    source: Literal["/auth", "/tickets", "/notifier", "/escalator"]
    ok: bool | None
    events: Count
    head: Head
    checkpoints: Count
    first_bad_sequence: Count | None
    reason: Annotated[str, StringConstraints(max_length=10_000)] | None


class Verified(In):
    """A verification that an operator had the services make."""

    stores: Annotated[list[Told], Field(min_length=1, max_length=len(SERVICES))]


@router.post("/copies", status_code=204)
async def note_copy(request: Request, body: Copied, _operator: Annotated[None, Depends(operator_only)]) -> Response:
    """Write down that an operator took a copy of the desk."""
    return await _note(request, DeskCopied(**body.model_dump()))


@router.post("/import/runs", status_code=204)
async def note_run(request: Request, body: Run, _operator: Annotated[None, Depends(operator_only)]) -> Response:
    """Write down that an operator brought history in."""
    return await _note(request, HistoryImported(**body.model_dump()))


@router.post("/verifications", status_code=204)
async def note_verification(request: Request, body: Verified, _operator: Annotated[None, Depends(operator_only)]) -> Response:
    """Keep what services said of their stores to an operator who asked each of them: it is the last result then, for everybody."""
    await parts(request).verification.keep([told.model_dump() for told in body.stores], context(request, OPERATOR))
    return no_content()


async def _note(request: Request, event: Any) -> Response:
    live = running(request)
    await live.writer.execute(Note(live.service.name, event, context(request, OPERATOR)))
    return no_content()
