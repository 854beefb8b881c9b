"""An escalation policy as a file: YAML, or JSON, which is YAML too. What a policy may be, the escalator says."""

import re
from pathlib import Path
from typing import Any

import yaml

from deploy.refusal import Refusal

LARGEST = 1_000_000
"""Bytes: what a service takes."""
_MEND = "docs/what-if.md shows what a policy looks like."


class _Plain(yaml.SafeLoader):  # type: ignore[misc] # it comes without types
    """YAML whose plain scalars are those of JSON: no dates, no times of day that become numbers, no `yes` and `no`. A name stands once."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 -- so that those of the class above are not ours

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return the mapping. Raises ConstructorError when a name stands twice in it."""
        names = [key.value for key, _ in node.value]
        if twice := next((key for number, (key, _) in enumerate(node.value) if key.value in names[:number]), None):
            raise yaml.constructor.ConstructorError(None, None, f"{twice.value} stands here twice", twice.start_mark)
        found: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return found


_Plain.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))
_Plain.add_implicit_resolver("tag:yaml.org,2002:null", re.compile("^(?:null|~|)$"), ["n", "~", ""])
_Plain.add_implicit_resolver("tag:yaml.org,2002:int", re.compile("^-?(?:0|[1-9][0-9]*)$"), list("-0123456789"))


def read_policy(path: Path) -> dict[str, Any]:
    """Return what the file says, as the API takes it. Raises Refusal that names the place of what cannot be read."""
    raw = path.read_bytes()
    if len(raw) > LARGEST:
        raise Refusal(f"{path} is larger than any policy.", _MEND)
    try:
        found = yaml.load(raw, _Plain)  # noqa: S506 -- a safe loader, with less than it knows
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        raise Refusal(f"{path}{where} cannot be read as YAML: {error.problem or error.context}.", _MEND) from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise Refusal(f"{path} is no text that can be read as YAML.", _MEND) from None
    if not isinstance(found, dict):
        raise Refusal(f"{path} is no policy: it must hold a name and levels.", _MEND)
    return found
