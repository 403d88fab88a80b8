"""What is said of a batch as a whole, from cells and stages that a reader can add up."""

from hypothesis import given
from hypothesis import strategies as st

from nas.batch.records import StageUse
from nas.batch.summary import savings, shared_work


def use(key: str, stage: str, core_seconds: float | None = 10.0) -> StageUse:
    return StageUse(id=key, stage=stage, phase="training", target=None, core_seconds=core_seconds)


USES = {
    "a": (use("s", "train", 100.0), use("t1", "profile", 20.0), use("f1", "fine_tune", 7.0)),
    "b": (use("s", "train", 100.0), use("t2", "profile", 30.0), use("f2", "fine_tune", 8.0)),
    "c": (use("s", "train", 100.0), use("t1", "profile", 20.0), use("x", "search", None)),
}


def test_each_stage_is_counted_once() -> None:
    saved = savings(USES)
    assert saved.spent_core_seconds == 100 + 20 + 30 + 7 + 8
    assert saved.separate_core_seconds == 3 * 100 + 2 * 20 + 30 + 7 + 8
    assert saved.saved_core_seconds == 2 * 100 + 20
    assert saved.saved_by_kind == {"supernet": 200.0, "table": 20.0}
    assert (saved.supernets, saved.supernet_uses, saved.tables, saved.table_uses, saved.uncounted) == (1, 3, 2, 3, 1)


def test_shared_work_is_what_two_cells_use() -> None:
    assert [(one.id, one.kind, one.cells, one.saved_core_seconds) for one in shared_work(USES)] == [
        ("s", "supernet", ("a", "b", "c"), 200.0),
        ("t1", "table", ("a", "c"), 20.0),
    ]


@given(
    st.dictionaries(
        st.text("abc", min_size=1, max_size=3),
        st.lists(st.sampled_from("pqrst"), unique=True).map(lambda keys: tuple(use(key, "train", 2.0) for key in keys)),
    )
)
def test_what_is_shared_adds_up_to_what_is_saved(uses: dict[str, tuple[StageUse, ...]]) -> None:
    saved = savings(uses)
    assert saved.saved_core_seconds == sum(one.saved_core_seconds for one in shared_work(uses))
    assert saved.separate_core_seconds == 2.0 * sum(len(own) for own in uses.values())
