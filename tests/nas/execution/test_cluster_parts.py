"""What does not need a cluster to be tested: messages for a poll, versions, reasons, and the store of a lost hub."""

import threading
import time

import pytest

from nas.errors import ClusterUnreachable, WorkerLost
from nas.execution import cluster_address, handshake
from nas.execution.cluster_errors import loss_reason
from nas.execution.cluster_nodes import DESCRIBED_S, Roster
from nas.execution.cluster_plan import Node
from nas.execution.cluster_worker import BATCH, STARTED_S, ClusterWorker, Outbox
from nas.execution.crew import Ended, Started
from nas.execution.packing import error_document, restored_error
from nas.execution.work import OUT_OF_MEMORY
from search_spaces.errors import HwnasError


def test_a_poll_returns_what_is_there_or_waits_for_it() -> None:
    outbox = Outbox()
    assert outbox.take(0.01) == []
    outbox.put(Started(1))
    outbox.put(Ended(1, 5, None))
    assert outbox.take(60) == [Started(1), Ended(1, 5, None)]
    threading.Timer(0.05, lambda: outbox.put(Ended(2, 6, None))).start()
    assert outbox.take(60) == [Ended(2, 6, None)]


def test_a_begin_alone_waits_for_a_while_since_the_end_may_follow() -> None:
    outbox = Outbox()
    outbox.put(Started(1))
    began = time.monotonic()
    assert outbox.take(60) == [Started(1)]
    assert STARTED_S * 0.9 < time.monotonic() - began < 10


def test_a_poll_is_bounded() -> None:
    outbox = Outbox()
    for number in range(BATCH + 5):
        outbox.put(Ended(number, None, None))
    assert [len(outbox.take(1)), len(outbox.take(1))] == [BATCH, 5]


def test_an_idle_worker_runs_nothing() -> None:
    assert ClusterWorker().running() == {}


def test_versions_that_differ_are_named() -> None:
    ours = handshake.describe()
    assert handshake.differences(ours, dict(ours)) == []
    other = {**ours, "python": "3.1", "code": "abc", "host": "elsewhere"}
    assert handshake.differences(ours, other) == [
        f"the code of hwnas abc (here {ours['code']})", f"Python 3.1 (here {ours['python']})",
    ]  # fmt: skip
    assert len(handshake.differences(ours, {})) == 4


def test_auto_is_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(ClusterUnreachable, match=r"127\.0\.0\.1:1"):
        cluster_address.check_address("auto")


def test_an_error_of_a_class_that_is_not_here_keeps_its_code_and_status() -> None:
    lost = WorkerLost("Gone.", fix="Again.", facts={"attempts": 3})
    document = error_document(lost)
    assert type(restored_error(document)) is WorkerLost
    for where in ("no.such.module:Odd", "nas.errors:NoSuchClass", "nas.store:Store"):
        found = restored_error({**document, "class": where})
        assert isinstance(found, HwnasError)
        assert (found.document(), found.status) == (lost.document(), 503)


OURS = {"hwnas": "1", "code": "c", "python": "3", "ray": "2"}


def node(name: str, **resources: float) -> Node:
    return Node(name, f"10.0.0.{name}", resources)


def test_nodes_are_asked_once_and_used_if_they_are_as_here() -> None:
    roster = Roster(OURS)
    one, two, three = node("1", CPU=2, **{"device:board": 1}), node("2", CPU=4), node("3", CPU=8)
    assert roster.update([one, two, three], 0.0) == [one, two, three]
    assert (roster.update([one, two, three], 1.0), roster.settled, roster.slots) == ([], False, 0)
    assert roster.answered("1", OURS) is None
    assert roster.answered("2", {**OURS, "ray": "9"}) == "The node 10.0.0.2 is not used: it has Ray 9 (here 2)."
    assert "no hwnas that answers (No module named nas)" in str(
        roster.answered("3", ImportError("No module named nas."))
    )
    assert (roster.settled, roster.slots, roster.devices) == (True, 2, frozenset({"board"}))
    assert sorted(roster.rejected) == ["2", "3"]


def test_nodes_that_leave_are_forgotten_and_late_ones_rejected() -> None:
    roster = Roster(OURS)
    one, two = node("1", CPU=2), node("2", CPU=4)
    roster.update([one, two], 0.0)
    assert roster.answered("1", OURS) is None
    assert roster.overdue(DESCRIBED_S) == [] and len(roster.overdue(DESCRIBED_S + 1)) == 1
    assert roster.answered("2", OURS) is None and list(roster.usable) == ["1"]  # too late
    assert roster.update([], 99.0) == [] and (roster.slots, roster.rejected) == (0, {})
    assert roster.update([two], 100.0) == [two]  # it has come back, and is asked again


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Task was killed due to the node running low on memory.", OUT_OF_MEMORY),
        ("The actor died because its node has died. Node Id: ab", "was lost with its node"),
        ("The actor died unexpectedly.\nclass_name: x", "was lost (The actor died unexpectedly)"),
    ],
)
def test_why_a_worker_was_lost(text: str, reason: str) -> None:
    assert loss_reason(RuntimeError(text)) == reason
