"""The seal of the audit's page, as it would be drawn of what the service says."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from web.audit_view import seal_of
from web.preferences import Preferences
from web.rendering import Renderer

RENDERER = Renderer()
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


def drawn(facts: dict[str, Any] | None, progress: str | None = None) -> str:
    visit = SimpleNamespace(preferences=Preferences.of({}))
    return RENDERER.render("audit_seal.html", visit=visit, now=NOW, key=lambda: "", seal=seal_of(facts, progress), next="/audit?q=x")


def facts(*, ok: bool, reason: str | None = None) -> dict[str, Any]:
    store = {"source": "/tickets", "ok": ok, "events": 1042, "head": {"sequence": 1042, "hash": "00"}, "reason": reason}
    return {"ok": ok, "checked_at": "2026-11-23T09:00:00Z", "stores": [{**store, "first_bad_sequence": None if ok else 17}]}
