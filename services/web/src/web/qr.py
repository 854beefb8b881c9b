"""QR codes as inline SVG that a strict Content-Security-Policy lets through: attributes alone, no style."""

import segno
from markupsafe import Markup

_LONGEST = 600
"""Characters: what a phone still reads easily off a screen."""


def to_svg(text: str) -> Markup | None:
    """Return the QR code of `text` with its quiet zone, dark modules in the class `ink`; None for what fits in none that can be read."""
    if not text or len(text) > _LONGEST:
        return None
    code = segno.make(text, error="m", micro=False)
    return Markup(code.svg_inline(border=4, dark="#000", light="#fff", omitsize=True, svgclass=None, lineclass=None))  # noqa: S704 (geometry alone: nothing of the text is in it)
