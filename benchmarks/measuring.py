"""The chosen suites, one after the other; one that fails leaves the others their figures."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from benchmarks.bench import Bench
from benchmarks.figure import Figure, Plot
from benchmarks.suites import SUITES


@dataclass(slots=True)
class Found:
    """`suites` says of each figure and plot, by its name, which suite it is of; `missing` by name of a suite why it gave nothing."""

    figures: list[Figure] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)
    suites: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def measure(bench: Bench, names: Collection[str], on_failure: Callable[[], None]) -> Found:
    """Run the suites of these names in their own order; `on_failure` is called where an error is at hand."""
    found = Found()
    try:
        for name in [name for name in SUITES if name in names]:
            if SUITES[name].alone:
                bench.release()
            bench.say(SUITES[name].about)
            try:
                for each in list(SUITES[name].measure(bench)):  # all of them or none
                    found.suites[each.name] = name
                    (found.figures if isinstance(each, Figure) else found.plots).append(each)  # type: ignore[arg-type] # one of the two
            except Exception as error:  # noqa: BLE001 -- whatever it was, it is told
                on_failure()
                found.missing[name] = type(error).__name__  # what it says may name places of this machine; the screen shows all of it
                bench.release()
    finally:
        bench.release()
    return found
