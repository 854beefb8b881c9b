"""What a parent that forks services imports beforehand, beside their own modules, so that they share it."""

LATE_IMPORTS = (
    "chassis.migrations",
    "events.migrations",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.httptools_impl",
    "httpcore2",
    "anyio._backends._asyncio",
    "encodings.idna",
)
"""Imported by a service only once it runs."""
