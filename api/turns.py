"""Turns at costly work that the server has done for a request: few at once, and of each tenant one, so that none keeps others out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from fastapi import Request

from api.errors import BodyTimeout


class Turns:
    """Turns at one kind of work, in the order of asking. For one event loop.

    Args:
        at_once: how many are let in together.
    """

    def __init__(self, at_once: int) -> None:
        self._room = asyncio.Semaphore(at_once)
        self._tenants: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, tenant_id: str, request: Request) -> AsyncIterator[None]:
        """Waits for a turn of the tenant, and holds it.

        Raises:
            BodyTimeout: the client left meanwhile.
        """
        own = self._tenants.setdefault(tenant_id, asyncio.Lock())
        async with own, self._room:
            if await request.is_disconnected():
                raise BodyTimeout("The client left before its turn.", fix="Send it again.")
            yield
