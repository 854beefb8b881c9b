"""What the services refuse, as the pages know it."""

import re
from collections.abc import Mapping
from typing import Any

import httpx2

_PLAIN = {
    400: "The request could not be read.",
    404: "There is nothing here, or it is not yours to see.",
    413: "That is too much at once: a form may have up to 1 MB.",
}


class Refused(Exception):
    """A service said no. `slug` is the last part of the problem's type, `detail` a sentence for people, `facts` the problem's members."""

    def __init__(
        self, status: int, slug: str, title: str, detail: str, *, facts: Mapping[str, Any] | None = None, retry_after: str | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.slug, self.title, self.detail, self.facts = status, slug, title, detail, facts or {}
        self.retry_after = retry_after
        self.headers: Mapping[str, str] = {}

    @classmethod
    def by(cls, answer: httpx2.Response) -> "Refused":
        """Return the refusal that an answer is."""
        try:
            facts = answer.json()
        except ValueError:
            facts = {}
        if not isinstance(facts, dict):
            facts = {}
        status = answer.status_code
        refused = cls(
            status,
            str(facts.get("type", "")).removeprefix("/problems/") or "unknown",
            str(facts.get("title") or "That did not work"),
            str(facts.get("detail") or _PLAIN.get(status, "The desk could not do that.")),
            facts=facts,
            retry_after=answer.headers.get("retry-after"),
        )
        refused.headers = answer.headers
        return refused

    @property
    def headline(self) -> str:
        """The title; "" where the detail says all of it again."""
        return "" if _words(self.title) <= _words(self.detail) else self.title

    @property
    def errors(self) -> dict[str, str]:
        """What is wrong with each field, by its name; "" for what is no field's."""
        found: dict[str, str] = {}
        for error in self.facts.get("errors") or ():
            place = [str(part) for part in error.get("loc", ())][1:]
            found.setdefault(place[0] if place else "", sentence(str(error.get("msg", ""))))
        return found


def _words(text: str) -> set[str]:
    return set(re.findall(r"[\w-]+", text.lower()))


_RULES = tuple(
    (re.compile(pattern), said)
    for pattern, said in (
        (r"String should have at least 1 character|Field required", "Fill this in."),
        (r"String should have at least (\d+) characters", r"Use at least \1 characters."),
        (r"String should have at most (\d+) characters?", r"Use at most \1 characters."),
        (r"Input should be greater than or equal to (\S+)", r"Write \1 or more."),
        (r"Input should be less than or equal to (\S+)", r"Write \1 or less."),
        (r"Input should be a valid integer.*", "Write a whole number."),
        (r"Input should be '.*", "Choose one of those that are offered."),
        (r"(?:Frozenset|List|Set|Tuple) should have at least 1 item.*", "Choose at least one."),
    )
)
"""What a validator says of a rule, and how people say it."""


def sentence(text: str) -> str:
    """Return what the API says of a field as people write it: "must have 8 characters" becomes "Must have 8 characters."."""
    for pattern, said in _RULES:
        if found := pattern.fullmatch(text):
            return found.expand(said)
    return text[:1].upper() + text[1:] + ("" if not text or text.endswith((".", "!", "?")) else ".")


class SignInNeeded(Exception):
    """Nobody is signed in, or no longer."""
