"""What a browser calls itself, in words: "Firefox on Linux". Pure."""

_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
"""What tells a browser, the more telling first: nearly all of them also say that they are those further down."""
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)
_LONGEST = 60


def browser(agent: str) -> str:
    """Return browser and system of a User-Agent; what is neither, as a program's name, is returned as it is, cut."""
    names = [next((name for mark, name in known if mark in agent), "") for known in (_BROWSERS, _SYSTEMS)]
    if all(names):
        return " on ".join(names)
    return "".join(names) or (agent if len(agent) <= _LONGEST else f"{agent[:_LONGEST]}…") or "An unknown program"
