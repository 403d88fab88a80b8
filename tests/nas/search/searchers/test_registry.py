"""Names of searchers, and searchers of other packages."""

from importlib.metadata import EntryPoint

import pytest

from nas.errors import UnknownSearcher
from nas.search.searchers import registry
from nas.search.searchers.registry import GROUP, SearcherEntry, searcher, searchers
from nas.search.table_region import TableRegion

REGION = TableRegion.of_choices({"a": (1, 2)})
MINE = SearcherEntry("mine", "a searcher of another package", "3", searcher("random").create)
FALSE_DEFAULT = SearcherEntry("hwnas", "wants the name of the default", "1", searcher("random").create)


def install(monkeypatch: pytest.MonkeyPatch, **entries: str) -> None:
    points = [EntryPoint(name, value, GROUP) for name, value in entries.items()]
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group == GROUP else [])


def test_the_default_is_the_first_one() -> None:
    assert [entry.name for entry in searchers()][:7] == [
        "hwnas", "nsga2", "regularised_evolution", "local_search", "random", "tpe", "gp",
    ]  # fmt: skip


def test_an_unknown_name_is_rejected_with_the_known_ones() -> None:
    with pytest.raises(UnknownSearcher, match="no searcher 'annealing'") as caught:
        searcher("annealing")
    assert "regularised_evolution" in caught.value.fix


def test_other_packages_add_searchers(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, mine=f"{__name__}:MINE")
    monkeypatch.setattr(EntryPoint, "load", lambda point: globals()[point.value.rpartition(":")[2]])
    assert searcher("mine").version == "3"
    assert searcher("mine").create(REGION, 4, 0) is not None


def test_one_that_comes_along_is_never_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, hwnas=f"{__name__}:FALSE_DEFAULT")
    monkeypatch.setattr(EntryPoint, "load", lambda point: globals()[point.value.rpartition(":")[2]])
    assert searcher("hwnas").summary != FALSE_DEFAULT.summary
    assert len({entry.name for entry in searchers()}) == len(searchers())


@pytest.mark.parametrize(
    "value, reason", [("no.such.module:ENTRY", "ModuleNotFoundError"), ("math:pi", "is float, not SearcherEntry")]
)
def test_one_that_cannot_be_loaded_is_listed_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, value: str, reason: str
) -> None:
    install(monkeypatch, broken=value)
    assert reason in searcher("broken").summary
    assert searcher("hwnas").create(REGION, 4, 0) is not None
    with pytest.raises(UnknownSearcher, match=reason):
        searcher("broken").create(REGION, 4, 0)
