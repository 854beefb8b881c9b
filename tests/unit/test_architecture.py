"""The house rules about who may know whom, and about what the repository may say."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = sorted(path.name for path in (ROOT / "services").iterdir() if path.is_dir())
PACKAGES = {
    "events": ROOT / "libs/events/src/events",
    "chassis": ROOT / "libs/chassis/src/chassis",
    "deploy": ROOT / "deploy",
    "benchmarks": ROOT / "benchmarks",
    **{name: ROOT / "services" / name / "src" / name for name in SERVICES},
}
MAY_KNOW = {
    "events": set[str](),
    "chassis": {"events"},
    "deploy": {"chassis", "events"},  # the services only by HTTP
    "benchmarks": {"chassis", "deploy", "events", *SERVICES},  # they measure whatever there is
    **{name: {"chassis", "events"} for name in SERVICES},
}
IMPURE = ["sqlalchemy", "alembic", "fastapi", "starlette", "uvicorn", "nats", "httpx", "httpx2", "requests", "sqlite3", "pysqlite3"]
CORE = [
    "commands", "decider", "access", "errors", "rules", "policy", "policies", "calendars", "engine", "simulation",
    "explaining", "escalating", "sentences", "words", "times", "two_factor", "codes", "days",
]  # fmt: skip
PURE_EVENTS = [
    "catalogue", "decider", "errors", "upcasts", "envelope", "ledger", "notes", "checkpoints", "cosignatures", "proofs", "tiling", "walk",
    "forest", "entries", "exports", "export_lines", "exported", "witnessing", "times", "ids",
]  # fmt: skip


def sources(package: str) -> list[Path]:
    return sorted(PACKAGES[package].rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Yield every module that a file imports, also within functions."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively; modules are called by their whole names"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def core_modules() -> list[str]:
    contracts = [f"events.contracts.{path.stem}" for path in (PACKAGES["events"] / "contracts").glob("[a-z]*.py")]
    cores = [f"{service}.{name}" for service in SERVICES for name in CORE if (PACKAGES[service] / f"{name}.py").exists()]
    return [*(f"events.{name}" for name in PURE_EVENTS), "events.contracts", *contracts, *cores]


@pytest.mark.parametrize("package", PACKAGES)
def test_nobody_imports_what_is_above_or_beside_him(package: str) -> None:
    strangers = set(PACKAGES) - {package} - MAY_KNOW[package] | {"tests"}
    found = [(str(path.relative_to(ROOT)), name) for path in sources(package) for name in imports(path) if name.split(".")[0] in strangers]
    assert found == []


@pytest.mark.parametrize("service", SERVICES)
def test_nobody_imports_a_services_roots(service: str) -> None:
    roots = (f"{service}.app", f"{service}.__main__")
    found = [
        (path.name, name)
        for path in sources(service)
        for name in imports(path)
        if name.startswith(roots) and path.name not in {"__main__.py", "app.py"}
    ]
    assert found == []


def test_every_service_has_a_core() -> None:
    assert {module.split(".")[0] for module in core_modules()} == {"events", *SERVICES}


def test_the_cores_load_no_database_web_framework_or_broker() -> None:
    """In a fresh interpreter, transitively: after each import it says which of the libraries that do I/O have come with it."""
    script = """
import importlib, json, sys
impure, loaded = set(json.loads(sys.argv[1])), {}
for module in json.loads(sys.argv[2]):
    before = impure & sys.modules.keys()
    importlib.import_module(module)
    if came := (impure & sys.modules.keys()) - before:
        loaded[module] = sorted(came)
print(json.dumps(loaded))
"""
    arguments = [json.dumps(IMPURE), json.dumps(core_modules())]
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {}


def test_no_assert_does_anything() -> None:
    """The services run with asserts compiled to nothing, so one may only say what is so anyway."""
    calls = [
        (str(path.relative_to(ROOT)), node.lineno, ast.unparse(call))
        for package in PACKAGES
        for path in sources(package)
        for node in ast.walk(ast.parse(path.read_text(), str(path)))
        if isinstance(node, ast.Assert)
        for call in ast.walk(node.test)
        if isinstance(call, ast.Call | ast.Await | ast.NamedExpr) and not ast.unparse(call).startswith(("isinstance(", "len("))
    ]
    assert [found for found in calls if found[0] != "libs/events/src/events/testing.py"] == []


def calls_that_arrive(node: ast.AST, guarded: bool = False) -> Iterator[tuple[ast.Call, bool]]:
    """Yield every call of `reach` or `arm`, and whether it stands under an `if __debug__`, alone or at the head of an `and`."""
    if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("reach", "arm"):
        yield node, guarded
    body = node.body if isinstance(node, ast.If) and is_debug(node.test) else []
    for child in ast.iter_child_nodes(node):
        yield from calls_that_arrive(child, guarded or child in body)


def is_debug(test: ast.expr) -> bool:
    head = test.values[0] if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else test
    return isinstance(head, ast.Name) and head.id == "__debug__"


def test_nobody_arrives_at_a_fail_point_in_a_process_that_runs_optimised() -> None:
    """The services run with `__debug__` compiled to False: a fail point costs them nothing, and nobody can arm one."""
    found = [
        (str(path.relative_to(ROOT)), call.lineno, guarded)
        for package in PACKAGES
        for path in sources(package)
        if path != PACKAGES["events"] / "failpoints.py"  # which says what the two do
        for call, guarded in calls_that_arrive(ast.parse(path.read_text(), str(path)))
    ]
    assert len(found) > 30
    assert [(path, line) for path, line, guarded in found if not guarded] == []


@pytest.mark.parametrize(
    ("text", "guarded"),
    [
        ("if __debug__:\n    reach('a')", [True]),
        ("if __debug__ and claimed:\n    reach('a')", [True]),
        ("def f():\n    if __debug__:\n        for _ in x:\n            failpoints.arm('a')", [True]),
        ("reach('a')", [False]),
        ("if claimed:\n    reach('a')", [False]),
        ("if __debug__:\n    pass\nelse:\n    reach('a')", [False]),
        ("if __debug__ or claimed:\n    reach('a')", [False]),
        ("if __debug__ and claimed or due:\n    reach('a')", [False]),
    ],
)
def test_a_guard_is_known_from_what_is_none(text: str, guarded: list[bool]) -> None:
    assert [under for _, under in calls_that_arrive(ast.parse(text))] == guarded


PYDANTICS_OWN = {"pydantic-core", "annotated-types"}
"""Parts of pydantic under names of their own; pydantic pins their versions, so naming them beside it could only contradict it."""


def normal(requirement: str) -> str:
    """Return the name of a requirement as PEP 503 compares names."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]).lower()


def declared(folder: Path) -> set[str]:
    """Return the names of what a pyproject file depends on, without development groups."""
    return {normal(name) for name in tomllib.loads((folder / "pyproject.toml").read_text())["project"]["dependencies"]}


def member(package: str) -> Path:
    return ROOT if package in {"deploy", "benchmarks"} else PACKAGES[package].parents[1]


@pytest.mark.parametrize("package", sorted(set(PACKAGES) - {"benchmarks"}))
def test_every_package_declares_what_it_imports(package: str) -> None:
    """Directly, or by way of the packages of this house that it declares."""
    known, waiting = set[str](), [package]
    while waiting:
        names = declared(member(waiting.pop()))
        waiting += [name for name in names - known if name in PACKAGES]
        known |= names
    known |= PYDANTICS_OWN if "pydantic" in known else set()
    owners = packages_distributions()
    foreign = {name.split(".")[0] for path in sources(package) for name in imports(path)} - sys.stdlib_module_names - set(PACKAGES)
    assert [name for name in sorted(foreign) if not {normal(owner) for owner in owners.get(name, [name])} & known] == []


def locked() -> dict[str, str]:
    """Return the blocks of the lock file by name: everything from a requirement to the next."""
    text = (ROOT / "requirements.lock").read_text()
    blocks = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    return {normal(block): block for block in blocks}


def test_the_lock_pins_every_dependency_with_its_hashes() -> None:
    blocks = locked()
    wanted = {name for package in PACKAGES for name in declared(member(package))} - set(PACKAGES)
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    wanted |= {normal(name) for group in groups.values() for name in group}
    assert wanted - blocks.keys() == set()
    assert [name for name, block in blocks.items() if "==" not in block or "--hash=sha256:" not in block] == []


def test_the_lock_names_no_host() -> None:
    text = (ROOT / "requirements.lock").read_text()
    assert re.findall(r"\S*://\S*|^\s*--(?!hash=)\S+", text, re.MULTILINE) == []


TOLD_ELSEWHERE = re.compile(
    r"""(?i:https?)://[^\s/"'`]*(?i:pypi|pythonhosted|registry|artifactory|nexus|mirror|proxy)[^\s/"'`]*   # a package index by its address
      | \b(?i:pypi|pythonhosted)\.(?:org|io)\b
      | (?<![\w.])/(?:work|root|Users)/                                                              # a path of somebody's machine
      | (?<![\w.])/home/(?!nonroot|ste\b)
    """,
    re.VERBOSE,
)


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def test_no_file_names_a_package_index_or_a_path_of_somebodys_machine() -> None:
    found = []
    for path in tracked():
        if path == Path(__file__) or not path.is_file():
            continue
        text = path.read_bytes().decode(errors="replace")
        found += [(str(path.relative_to(ROOT)), match.group()) for match in TOLD_ELSEWHERE.finditer(text)]
        if str(ROOT) in text:
            found.append((str(path.relative_to(ROOT)), str(ROOT)))
    assert found == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("see https://pypi.example.net/simple", True),
        ("from files.python|hosted.org", True),
        ("/wor|k/main", True),
        ("in /home/anna/desk", True),
        ("https://c2sp.org/signed-note", False),
        ("libs/work/main.py", False),
        ("X-Forwarded-For from a proxy", False),
    ],
)
def test_the_pattern_knows_what_it_looks_for(text: str, told: bool) -> None:
    """The bar is taken out: as they stand here, this file would be found too."""
    assert bool(TOLD_ELSEWHERE.search(text.replace("|", ""))) == told
