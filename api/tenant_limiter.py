"""Limits expensive work that the server does for a request: a few at once, and one for each tenant, so that none blocks the others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from fastapi import Request

from api.errors import BodyTimeout


class TenantLimiter:
    """Slots for one kind of work, in the order of requests. For one event loop.

    Args:
        max_concurrent: how many requests have a slot at the same time.
    """

    def __init__(self, max_concurrent: int) -> None:
        self._slots = asyncio.Semaphore(max_concurrent)
        self._tenants: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def slot(self, tenant_id: str, request: Request) -> AsyncIterator[None]:
        """Waits for a slot, and has it until the end.

        Raises:
            BodyTimeout: the client disconnected meanwhile.
        """
        lock = self._tenants.setdefault(tenant_id, asyncio.Lock())
        async with lock, self._slots:
            if await request.is_disconnected():
                raise BodyTimeout("The client left before the request was processed.", fix="Send it again.")
            yield
