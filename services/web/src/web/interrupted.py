"""A form that came when nobody was signed in any more: nothing of it was done, and nothing that was typed is lost.

The answer is the sign-in page with the form folded into it, field by field. Whoever signs in there gets the form back, to look at and to
send. Nothing is kept by the server meanwhile, and nothing is sent by itself: the key of the form sees to it that it counts once.
"""

import re
from dataclasses import dataclass

from starlette.requests import Request

from web.forms import KEY, Form, sent
from web.places import local

ACTION, FIELD = "_then", "_then."
"""Names in the sign-in form: where the kept form goes, and what each of its fields begins with."""
_SECRET = re.compile("password|code|challenge|secret|uri")
_MACHINERY = re.compile(rf"{KEY}|version|next|.*_ids?")
_LARGEST = 300_000
"""Characters: more comes from no form that somebody typed."""
_PATH = re.compile(r"/[A-Za-z0-9_/.-]{1,200}")
_LABELS = {"title": "Title", "body": "Text", "name": "Name"}
_LINE = 80


@dataclass(frozen=True, slots=True)
class Kept:
    """A form to be sent to `action` later, as its fields in order."""

    action: str
    pairs: tuple[tuple[str, str], ...]

    @property
    def folded(self) -> list[tuple[str, str]]:
        """The hidden fields that carry it through the sign-in form."""
        return [(ACTION, self.action), *((FIELD + name, value) for name, value in self.pairs)]

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """The fields that mean nothing to people."""
        return [(name, value) for name, value in self.pairs if _MACHINERY.fullmatch(name)]

    @property
    def typed(self) -> list[tuple[str, str, str, bool]]:
        """The fields that people know: (name, label, value, whether it takes several lines)."""
        return [
            (name, _LABELS.get(name, name.replace("_", " ").capitalize()), value, len(value) > _LINE or "\n" in value)
            for name, value in self.pairs
            if not _MACHINERY.fullmatch(name)
        ]


def kept_of(request: Request) -> Kept | None:
    """Return the form that the request brought, None when there is nothing worth keeping, or a secret in it."""
    form = sent(request)
    if form is None:
        return None
    return _kept(request.url.path, form.pairs)


def unfold(form: Form) -> Kept | None:
    """Return the form that a sign-in form carries, None when it carries none."""
    pairs = [(name.removeprefix(FIELD), value) for name, value in form.pairs if name.startswith(FIELD)]
    return _kept(form.get(ACTION, ""), pairs)


def _kept(action: str, pairs: list[tuple[str, str]]) -> Kept | None:
    if not _PATH.fullmatch(action) or local(action, "") != action or any(_SECRET.search(name) for name, _ in pairs):
        return None
    if sum(len(name) + len(value) for name, value in pairs) > _LARGEST:
        return None
    kept = Kept(action, tuple(pairs))
    return kept if any(value.strip() for _, _, value, _ in kept.typed) else None
