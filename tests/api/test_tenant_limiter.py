"""Which requests get a slot for expensive work, and when."""

import asyncio
from typing import Any, cast

import pytest

from api.errors import BodyTimeout
from api.tenant_limiter import TenantLimiter


class FakeRequest:
    """A request whose client may have disconnected."""

    def __init__(self, *, disconnected: bool = False) -> None:
        self._disconnected = disconnected

    async def is_disconnected(self) -> bool:
        """Whether it has."""
        return self._disconnected


def test_a_tenant_has_one_slot_at_a_time_and_does_not_block_others() -> None:
    entered: list[str] = []

    async def work(limiter: TenantLimiter, tenant: str, name: str, done: asyncio.Event) -> None:
        async with limiter.slot(tenant, cast(Any, FakeRequest())):
            entered.append(name)
            await done.wait()

    async def course() -> None:
        limiter, done = TenantLimiter(2), asyncio.Event()
        tasks = [asyncio.create_task(work(limiter, "a", f"a{n}", done)) for n in range(3)]
        await asyncio.sleep(0)
        tasks += [asyncio.create_task(work(limiter, tenant, tenant, done)) for tenant in ("b", "c")]
        await asyncio.sleep(0.01)
        assert entered == ["a0", "b"]  # two at once, and the second is not a's
        done.set()
        await asyncio.gather(*tasks)

    asyncio.run(course())
    assert sorted(entered) == ["a0", "a1", "a2", "b", "c"]


def test_nothing_is_done_for_a_client_that_has_disconnected() -> None:
    async def course() -> None:
        limiter = TenantLimiter(1)
        with pytest.raises(BodyTimeout):
            async with limiter.slot("a", cast(Any, FakeRequest(disconnected=True))):
                raise AssertionError("let in")
        async with limiter.slot("a", cast(Any, FakeRequest())):  # the slot was released
            pass

    asyncio.run(course())
