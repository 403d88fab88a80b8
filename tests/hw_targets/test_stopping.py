"""Cancelling long work from deep inside it."""

from threading import Thread

import pytest

from hw_targets.stopping import check_cancelled, one_by_one, stoppable


class Stopped(Exception):
    """What a caller raises."""


def stop() -> None:
    raise Stopped


def test_nobody_asks_where_nobody_can() -> None:
    check_cancelled()


def test_work_inside_is_stopped_and_work_after_is_not() -> None:
    with pytest.raises(Stopped), stoppable(stop):
        check_cancelled()
    check_cancelled()


def test_the_innermost_check_counts() -> None:
    with stoppable(stop):
        with stoppable(lambda: None):
            check_cancelled()
        with pytest.raises(Stopped):
            check_cancelled()


def test_items_are_given_until_it_is_asked() -> None:
    polls = iter([False, False, True])
    taken: list[int] = []

    def check() -> None:
        if next(polls):
            raise Stopped

    with pytest.raises(Stopped), stoppable(check):
        taken.extend(one_by_one(range(9)))
    assert taken == [0, 1]


def test_another_thread_is_not_asked() -> None:
    seen: list[str] = []

    def other() -> None:
        check_cancelled()
        seen.append("done")

    with stoppable(stop):
        thread = Thread(target=other)
        thread.start()
        thread.join()
    assert seen == ["done"]
