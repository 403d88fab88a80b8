"""Which workers a cluster should have."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from nas.execution.cluster_plan import Node, Placed, fits, plan, resources_of, slots
from nas.execution.work import Needs

ONE, TWO = Needs(), Needs(cores=2)
SMALL, LARGE = Node("a", "10.0.0.1", {"CPU": 1, "memory": 4e9}), Node("b", "10.0.0.2", {"CPU": 4, "memory": 8e9})


def test_as_many_workers_as_items_on_the_roomiest_nodes_first() -> None:
    assert plan({ONE: 2}, [SMALL, LARGE], []) == ([("b", ONE), ("b", ONE)], [])
    started, ended = plan({ONE: 99}, [SMALL, LARGE], [])
    assert (Counter(node for node, _ in started), ended) == ({"a": 1, "b": 4}, [])
    assert (slots([SMALL, LARGE]), plan({ONE: 9}, [], [])) == (5, ([], []))


def test_workers_that_are_there_count() -> None:
    here = [Placed("w", "b", ONE, busy=True)]
    assert plan({ONE: 1}, [LARGE], here) == ([], [])
    assert plan({ONE: 3}, [LARGE], here) == ([("b", ONE), ("b", ONE)], [])


def test_idle_workers_that_nobody_needs_make_room_and_busy_ones_do_not() -> None:
    idle = [Placed(f"w{n}", "b", ONE, busy=n < 2) for n in range(4)]
    assert plan({TWO: 1}, [LARGE], idle) == ([("b", TWO)], ["w2", "w3"])
    assert plan({TWO: 1, ONE: 4}, [LARGE], idle) == ([], [])  # they are needed
    assert plan({TWO: 1}, [SMALL], [Placed("w", "a", ONE, busy=False)]) == ([], [])  # it could not be there anyway


def test_memory_and_devices_are_reserved() -> None:
    assert resources_of(Needs(2, "kv260", 5)) == {"CPU": 2, "memory": 5, "device:kv260": 1}
    assert len(plan({Needs(memory_bytes=3 * 10**9): 9}, [LARGE], [])[0]) == 2
    board = Node("c", "10.0.0.3", {"CPU": 8, "device:kv260": 1})
    measured = Needs(device="kv260")
    assert plan({measured: 3}, [LARGE, board], []) == ([("c", measured)], [])
    assert [fits(needs, [LARGE, board]) for needs in (measured, Needs(device="x"), Needs(8), Needs(9))] == [1, 0, 1, 0]


KINDS = st.builds(Needs, cores=st.integers(1, 4), device=st.sampled_from([None, "d"]))
NODES = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1)), max_size=4).map(
    lambda sizes: [Node(str(n), "", {"CPU": cores, "device:d": devices}) for n, (cores, devices) in enumerate(sizes)]
)


@given(st.dictionaries(KINDS, st.integers(1, 5), max_size=3), NODES, st.data())
def test_no_node_is_overcommitted_and_no_room_is_left_unused(
    needed: dict[Needs, int], nodes: list[Node], data: st.DataObject
) -> None:
    first, _ = plan(needed, nodes, [])
    workers = [Placed(str(n), node, needs, data.draw(st.booleans())) for n, (node, needs) in enumerate(first)]
    others = data.draw(st.dictionaries(KINDS, st.integers(1, 5), max_size=3))
    started, ended = plan(others, nodes, workers)
    assert not {worker.worker for worker in workers if worker.busy or others.get(worker.needs)} & set(ended)
    left = [(worker.node, worker.needs) for worker in workers if worker.worker not in ended] + started
    for node in nodes:
        taken: Counter[str] = Counter()
        for where, needs in left:
            if where == node.id:
                taken.update({name: int(amount) for name, amount in resources_of(needs).items()})
        assert all(amount <= node.resources.get(name, 0) for name, amount in taken.items())
    have = Counter(needs for _, needs in left)
    if all(have[needs] >= count for needs, count in others.items()):
        assert len(started) == sum(max(0, n - sum(w.needs == k for w in workers)) for k, n in others.items())
