"""What does not need a cluster to be tested: messages for a poll, versions, reasons, and the store of a lost hub."""

import threading
import time

import pytest

from nas.errors import ClusterUnreachable, WorkerLost
from nas.execution import cluster_address, handshake
from nas.execution.cluster_worker import BATCH, STARTED_S, ClusterWorker, Outbox
from nas.execution.crew import Ended, Started
from nas.execution.packing import error_document, restored_error
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
