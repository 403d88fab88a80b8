"""Limits on what a network costs besides its latency, as a spec has them. They hold for the whole search: for the network of each target.

Not here: what the costs are (`latency_models/limits.py`), and whether any architecture meets the limits (`stages/limits.py`).
"""

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from latency_models.cost_limit import COST_NAMES, CostLimit
from nas.frozen import FrozenModel

UNITS: Final = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
MOST: Final = 10**15
_AMOUNT: Final = re.compile(r"([0-9]{1,16})(?:\.([0-9]{1,9}))?([kMG]?)")
PATTERN: Final = r"^[0-9]{1,16}(\.[0-9]{1,9})?[kMG]?$"


def amount(value: Any) -> int:
    """A whole number from 1 to 10**15, also as a text with a decimal unit: `300k`, `1.5M`, `2G`.

    >>> amount("1.5M"), amount(2e3)
    (1500000, 2000)
    """
    if isinstance(value, str):
        match = _AMOUNT.fullmatch(value.strip())
        if match is None:
            raise ValueError(f"{value[:80]!r} is no amount: write a whole number, or one with k, M or G, such as 300k")
        whole, fraction, unit = match[1], match[2] or "", match[3]
        scaled, rest = divmod(int(whole + fraction) * UNITS[unit], 10 ** len(fraction))
        if rest:
            raise ValueError(f"{value!r} is not a whole number")
        value = scaled
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise ValueError("a limit is a whole number, or a text such as 300k")
    if not 1 <= value <= MOST:
        raise ValueError(f"{value:g} is not between 1 and {MOST:,}")
    return int(value)


Amount = Annotated[
    int,
    BeforeValidator(amount),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 1, "maximum": MOST}, {"type": "string", "pattern": PATTERN}]},
    ),
]


class Limits(FrozenModel):
    """The most that the network of each target may have of some costs.

    Example:
        >>> [str(limit) for limit in Limits(weight_bytes="300k").listed]
        ['at most 300,000 bytes of INT8 weights']
    """

    macs: Amount | None = Field(None, description="multiply-accumulates of one image")
    params: Amount | None = Field(None, description="parameters: weights and biases as deployed")
    weight_bytes: Amount | None = Field(None, description="bytes of the INT8 weights and INT32 biases")
    peak_memory_bytes: Amount | None = Field(
        None, description="most bytes of INT8 activations that are alive at a time, one image"
    )

    @model_validator(mode="before")
    @classmethod
    def _known(cls, fields: Any) -> Any:
        """Rejects other costs by name."""
        for name in fields if isinstance(fields, dict) else ():
            if name not in COST_NAMES:
                why = "a target has its latency budget beside its name" if str(name).startswith("latency") else ""
                why = "no target predicts it for each architecture" if str(name).startswith("energy") else why
                raise ValueError(
                    f"{str(name)[:80]!r} cannot be limited{f' ({why})' if why else ''}: use one of {', '.join(COST_NAMES)}"
                )
        return fields

    @property
    def listed(self) -> tuple[CostLimit, ...]:
        """Those that are given."""
        values = {name: getattr(self, name) for name in COST_NAMES}
        return tuple(CostLimit(name, most) for name, most in values.items() if most is not None)
