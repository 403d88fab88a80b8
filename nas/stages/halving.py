"""Successive halving (Jamieson and Talwalkar 2016): who trains for how long. Not here: the training, and who wins."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Round:
    """One round: so many networks train for a share of the winner's images."""

    networks: int
    share: float


def rounds(finalists: int) -> tuple[Round, ...]:
    """Half of the networks, rounded up, continue to the next round, which is twice as long from the third on.

    For up to 8 finalists it costs at most 2.5 times one network's whole training.

    >>> [(r.networks, r.share) for r in rounds(4)]
    [(4, 0.25), (2, 0.25), (1, 0.5)]
    """
    sizes = [finalists]
    while sizes[-1] > 1:
        sizes.append((sizes[-1] + 1) // 2)
    last = len(sizes) - 1
    return tuple(Round(size, 2.0 ** -(last - max(number - 1, 0))) for number, size in enumerate(sizes))


def cost(finalists: int) -> float:
    """The cost of all rounds, in trainings of the winner's length."""
    return sum(one.networks * one.share for one in rounds(finalists))
