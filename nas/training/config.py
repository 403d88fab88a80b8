"""How weights are learned: optimiser, schedule and regularisation, the same for supernets and single networks."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """AdamW (Loshchilov and Hutter 2019) with a linear warm-up and a cosine decay to zero.

    Attributes:
        batch_size: images of a step.
        learning_rate: at its peak.
        weight_decay: of weights; norms and biases have none.
        warm_up: share of the steps.
        label_smoothing: share of the target spread over all classes.
        clip: largest norm of all gradients together.
    """

    batch_size: int = 64
    learning_rate: float = 0.012
    weight_decay: float = 0.1
    warm_up: float = 0.15
    label_smoothing: float = 0.1
    clip: float = 5.0

    def learning_rate_at(self, step: int, steps: int) -> float:
        """The learning rate of a step (from 0) out of `steps`.

        >>> TrainConfig(learning_rate=1.0, warm_up=0.5).learning_rate_at(1, 4)
        1.0
        """
        rising = max(1, round(self.warm_up * steps))
        if step < rising:
            return self.learning_rate * (step + 1) / rising
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


SUPERNET = TrainConfig(learning_rate=6e-3)
"""For sandwich training. On photographs a supernet learns faster at 0.004 than at 0.012, unlike its networks alone."""

SINGLE = TrainConfig()
"""For one network from scratch."""

ADAPT = TrainConfig(learning_rate=1.5e-3, warm_up=0.1)
"""For a source with ImageNet weights: a higher rate forgets them, a lower one needs more images (0.0005: five points on 2,000
photographs)."""

SUPERNET_FROM_SOURCE = TrainConfig(learning_rate=1.5e-3, warm_up=0.05)
"""For sandwich training from a source's weights."""

FINE_TUNE_SOURCE = TrainConfig(learning_rate=2e-3, warm_up=0.05)
"""For a network that is cut out of a source, or out of a supernet that was trained from one."""

FINE_TUNE = TrainConfig(learning_rate=6e-3, warm_up=0.05)
"""For a subnet that has the supernet's weights."""

CONTINUE = TrainConfig(learning_rate=1e-2, warm_up=0.05)
"""For another round of a network that was trained before: a warm restart. On 2,000 photographs three rounds at this rate lose
less than a point against one training of the same length; at 0.003 they lose five."""

RETRAIN_INT8 = TrainConfig(learning_rate=3e-4, warm_up=0.05, weight_decay=0.0)
"""For quantisation-aware training of folded weights."""
