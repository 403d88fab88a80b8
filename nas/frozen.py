"""The base of the engine's pydantic documents: values that do not change, and that reject fields they do not know."""

from pydantic import BaseModel, ConfigDict


class FrozenModel(BaseModel):
    """A pydantic model that is immutable and rejects unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")
