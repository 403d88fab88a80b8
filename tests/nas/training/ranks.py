"""Runs a function as the ranks of a group, each in a process of its own. No tests."""

import multiprocessing
import pickle
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TypeVar

import torch

from nas.training.group import ALONE, Group, Meeting, joined, meeting

T = TypeVar("T")


def run_ranks(function: Callable[[Group], T], size: int) -> list[T]:
    """What each rank returns, by rank. The function is one of a module, or a partial of one."""
    if size == 1:
        return [function(ALONE)]
    spawn = multiprocessing.get_context("spawn")
    pipes = [spawn.Pipe(duplex=False) for _ in range(size)]
    with meeting("127.0.0.1") as at:
        processes = [
            spawn.Process(target=_rank, args=(function, rank, size, at, pipes[rank][1]), daemon=True)
            for rank in range(size)
        ]
        for process in processes:
            process.start()
        for _, end in pipes:
            end.close()
        results = [pickle.loads(end.recv_bytes()) for end, _ in pipes]
        for process in processes:
            process.join()
    return results


def _rank(function: Callable[[Group], T], rank: int, size: int, at: Meeting, answer: "Connection[T, object]") -> None:
    torch.set_num_threads(1)
    with joined(rank, size, at, "cpu") as group:
        answer.send_bytes(
            pickle.dumps(function(group))
        )  # by value: `send` would share tensors with a process that ends
