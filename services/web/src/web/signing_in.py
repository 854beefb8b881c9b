"""What the sign-in pages are filled with."""

from typing import Any

from web.interrupted import Kept
from web.refusals import Refused


def sign_in_form(*, email: str = "", next: str = "", unsent: Kept | None = None, problem: Refused | None = None) -> dict[str, Any]:  # noqa: A002 (the field's name)
    """Return what `login.html` needs: `next` is where to go afterwards, `unsent` a form that is to be sent afterwards."""
    return {"email": email, "next": next, "unsent": unsent, "problem": problem, "errors": problem.errors if problem else {}}
