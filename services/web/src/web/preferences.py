"""How a visitor likes to see things: kept in cookies of the browser that they are of, so that the server draws the page right at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

ZONE, THEME = "zone", "theme"
Theme = Literal["auto", "light", "dark"]
THEMES: tuple[Theme, ...] = ("auto", "light", "dark")


@cache
def zones() -> frozenset[str]:
    """Return the names of the time zones that there are (IANA)."""
    return frozenset(name for name in available_timezones() if not name.startswith(("posix", "right", "Factory", "localtime")))


@dataclass(frozen=True, slots=True)
class Preferences:
    """`zone_known` is whether the browser has told us its zone; until then times are in UTC."""

    zone: ZoneInfo
    theme: Theme
    zone_known: bool

    @classmethod
    def of(cls, cookies: Mapping[str, str]) -> "Preferences":
        """Return what the cookies say, or what is usual where they say nothing that can be meant."""
        name = cookies.get(ZONE, "").replace("%2F", "/")
        theme = cookies.get(THEME, "auto")
        known = name in zones()
        return cls(ZoneInfo(name if known else "UTC"), theme if theme in THEMES else "auto", known)
