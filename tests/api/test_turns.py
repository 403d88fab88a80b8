"""Who is let in to costly work, and when."""

import asyncio
from typing import Any, cast

import pytest

from api.errors import BodyTimeout
from api.turns import Turns


class Asked:
    """A request whose client may have left."""

    def __init__(self, *, left: bool = False) -> None:
        self._left = left

    async def is_disconnected(self) -> bool:
        """Whether it has."""
        return self._left


def test_a_tenant_has_one_turn_at_a_time_and_others_are_not_kept_waiting() -> None:
    entered: list[str] = []

    async def work(turns: Turns, tenant: str, name: str, done: asyncio.Event) -> None:
        async with turns.of(tenant, cast(Any, Asked())):
            entered.append(name)
            await done.wait()

    async def course() -> None:
        turns, done = Turns(2), asyncio.Event()
        tasks = [asyncio.create_task(work(turns, "a", f"a{n}", done)) for n in range(3)]
        await asyncio.sleep(0)
        tasks += [asyncio.create_task(work(turns, tenant, tenant, done)) for tenant in ("b", "c")]
        await asyncio.sleep(0.01)
        assert entered == ["a0", "b"]  # two at once, and the second is not a's
        done.set()
        await asyncio.gather(*tasks)

    asyncio.run(course())
    assert sorted(entered) == ["a0", "a1", "a2", "b", "c"]


def test_nothing_is_done_for_a_client_that_has_left() -> None:
    async def course() -> None:
        turns = Turns(1)
        with pytest.raises(BodyTimeout):
            async with turns.of("a", cast(Any, Asked(left=True))):
                raise AssertionError("let in")
        async with turns.of("a", cast(Any, Asked())):  # the turn was given back
            pass

    asyncio.run(course())
