"""Addresses within the desk."""


def local(where: str | None, otherwise: str = "/") -> str:
    """Return a path of ours that somebody may be sent on to; anything that is not one is not followed."""
    if where is None or not where.startswith("/") or where.startswith("//") or "\\" in where or any(ord(c) < 32 for c in where):
        return otherwise
    return where
