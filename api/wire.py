"""The base of all request and response bodies: unknown fields, NaN and Infinity are rejected; each has an example of itself."""

import re
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict

NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9 ._\-]{0,99}$"
"""The form of names that people give."""


def _integer(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _with_date(value: Any) -> Any:
    if isinstance(value, str) and not re.match(r"\d{4}-\d\d-\d\d[Tt ]", value):
        raise ValueError("a time is written as 2026-01-31T12:00:00Z")
    return value


INTEGRAL: Final = BeforeValidator(_integer)
"""Beside `Field(strict=True)`: an integer as JSON defines it, 5 and 5.0, but no string and no boolean."""

Moment = Annotated[AwareDatetime, BeforeValidator(_with_date)]
"""A time by RFC 3339, with its zone."""


class WireModel(BaseModel):
    """Base of all bodies."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def examples(*documents: dict[str, Any]) -> ConfigDict:
    """The configuration of a body with examples of itself."""
    return ConfigDict(json_schema_extra={"examples": list(documents)})
