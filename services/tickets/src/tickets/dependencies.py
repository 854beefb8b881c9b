"""What the routes share: the parts of the desk."""

from dataclasses import dataclass
from typing import cast

from fastapi import Request

from chassis.service import Parts, running
from tickets.live import Readers
from tickets.verification import Verification


@dataclass(kw_only=True)
class DeskParts(Parts):
    """The desk's parts, and what its routes need beside them."""

    verification: Verification
    readers: Readers


def parts(request: Request) -> DeskParts:
    """Return the parts of the desk that answers this request."""
    return cast("DeskParts", running(request).parts)
