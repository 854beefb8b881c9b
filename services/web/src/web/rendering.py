"""From templates to pages."""

import hashlib
import re
from datetime import datetime
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from web import times, words
from web.texts import to_html

MEDIA_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml", "png": "image/png"}

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)")


class Renderer:
    """The templates, and the files that pages load, each under a name that changes with what is in it."""

    def __init__(self) -> None:
        files = resources.files("web") / "static"
        self.assets: dict[str, tuple[bytes, str]] = {}
        """By the last part of its path: what is in it, and its media type."""
        self._named: dict[str, str] = {}
        for file in files.iterdir():
            stem, _, kind = file.name.rpartition(".")
            if kind not in MEDIA_TYPES:
                continue
            content = file.read_bytes()
            name = f"{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{kind}"
            self.assets[name], self._named[file.name] = (content, MEDIA_TYPES[kind]), name

    def asset(self, name: str) -> str:
        """Return the address of a static file."""
        return f"/static/{self._named[name]}"

    def render(self, template: str, /, **context: Any) -> str:
        """Return the page."""
        return _TEMPLATES.get_template(template).render(asset=self.asset, **context)


def _time(context: Context, moment: str | datetime, shown: str) -> Markup:
    at = times.parse(moment) if isinstance(moment, str) else moment
    title = times.exact(at, context["visit"].preferences.zone)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(escape(at.isoformat()), title, shown)


@pass_context
def _ago(context: Context, moment: str | datetime) -> Markup:
    """Show how long ago a moment was, the exact one on hover."""
    at = times.parse(moment) if isinstance(moment, str) else moment
    return _time(context, at, times.ago(at, context["now"]))


@pass_context
def _clock(context: Context, moment: str | datetime) -> Markup:
    """Show the date and time of day of a moment in the viewer's zone, the exact one on hover."""
    at = times.parse(moment) if isinstance(moment, str) else moment
    return _time(context, at, times.clock(at, context["now"], context["visit"].preferences.zone))


@pass_context
def _timed(context: Context, sentence: str) -> Markup:
    """Show each time that a sentence of the API names as a reader in that zone says it."""
    *before, last = _TIME.split(sentence)
    texts, moments = before[::2], before[1::2]
    return Markup("").join(Markup("{}{}").format(text, _told(context, moment)) for text, moment in zip(texts, moments, strict=True)) + last


def _told(context: Context, moment: str) -> str:
    try:
        return _clock(context, moment)
    except (ValueError, OverflowError):  # it only looks like one: a name may, which somebody chose
        return moment


def _compiled() -> Environment:
    templates = Environment(
        loader=PackageLoader("web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    templates.globals |= words.TABLES
    templates.filters |= {
        "ago": _ago,
        "clock": _clock,
        "timed": _timed,
        "moment": times.parse,
        "text": to_html,
        "initials": words.initials,
        "tint": words.tint,
        "count": words.count,
    }
    for name in templates.list_templates(extensions=["html"]):
        templates.get_template(name)
    return templates


_TEMPLATES = _compiled()
"""Compiled when this is imported: by the parent that forks the services, which keeps what that takes to itself, and a process of the pages
that crashed is back at once."""


def policy() -> str:
    """Return the Content-Security-Policy of a page: nothing but our own files, no inline script or style, framed by nobody."""
    parts = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in parts.items())
