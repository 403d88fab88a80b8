"""Coroutines that block are run without an event loop, and such generators are closed when their reader stops."""

from collections.abc import AsyncGenerator, Generator

import pytest

from api.client.transport import completed, iterated


class Suspends:
    """What suspends the coroutine that awaits it."""

    def __await__(self) -> Generator[None, None, None]:
        yield


async def doubled(value: int) -> int:
    return 2 * value


async def suspended() -> None:
    await Suspends()


def test_a_coroutine_that_blocks_is_completed() -> None:
    async def outer() -> int:
        return await doubled(2) + 1

    assert completed(outer()) == 5
    with pytest.raises(RuntimeError, match="was suspended"):
        completed(suspended())


def test_an_error_of_a_coroutine_is_raised() -> None:
    async def fails() -> None:
        await doubled(1)
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        completed(fails())


def test_a_generator_is_iterated_and_closed_with_its_reader() -> None:
    steps: list[str] = []

    async def numbers() -> AsyncGenerator[int, None]:
        try:
            for number in range(3):
                steps.append(f"make {number}")
                yield await doubled(number)
        finally:
            steps.append("closed")

    assert list(iterated(numbers())) == [0, 2, 4]
    assert steps == ["make 0", "make 1", "make 2", "closed"]
    steps.clear()
    reader = iterated(numbers())
    assert next(reader) == 0
    reader.close()  # type: ignore[attr-defined]
    assert steps == ["make 0", "closed"]
