"""No script makes a part of a page out of text: what people wrote could be in it."""

from importlib import resources
from importlib.resources.abc import Traversable

import pytest

SCRIPTS = [file for file in (resources.files("web") / "static").iterdir() if file.name.endswith(".js")]
SINKS = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "createContextualFragment", "srcdoc", "eval(", "new Function")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_puts_text_into_pages_as_text(script: Traversable) -> None:
    code = script.read_text(encoding="utf-8")
    assert [sink for sink in SINKS if sink in code] == []
