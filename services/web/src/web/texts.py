"""Texts that people typed, as HTML: everything escaped, lines and paragraphs kept, addresses of the web and of mail made links."""

import re

from markupsafe import Markup, escape

_ADDRESS = re.compile(r"\bhttps?://[^\s<>\"'`]+|\bmailto:[^\s<>\"'`]+", re.IGNORECASE)
_AFTER = ".,;:!?)]}"
"""What ends a sentence rather than an address."""


def to_html(text: str) -> Markup:
    """Return a text with its links; a bracket or a full stop after an address is not taken for a part of it."""
    parts: list[Markup] = []
    at = 0
    for found in _ADDRESS.finditer(text):
        address = found.group().rstrip(_AFTER)
        if found.group()[len(address) :].startswith(")") and address.count("(") > address.count(")"):
            address += ")"
        if not _ADDRESS.fullmatch(address):
            continue  # nothing is behind the scheme, or not even that is left
        parts.append(escape(text[at : found.start()]))
        parts.append(Markup('<a href="{0}" rel="noopener noreferrer nofollow">{0}</a>').format(address))
        at = found.start() + len(address)
    parts.append(escape(text[at:]))
    return Markup("").join(parts)
