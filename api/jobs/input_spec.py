"""The input of the networks of a job: resolution, channels and number of classes of its data set's images."""

from dataclasses import dataclass
from typing import Final

from api.database import Database
from api.datasets import repository as datasets
from api.errors import UnknownDataset
from api.jobs.engine_spec import DIGITS


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What networks for a data set take.

    Attributes:
        resolution: side of the images in pixels.
        channels: 1 for grey, 3 for RGB.
        classes: number of classes.
    """

    resolution: int
    channels: int
    classes: int


DIGITS_INPUT: Final = InputSpec(resolution=8, channels=1, classes=10)


def input_spec(database: Database, tenant_id: str, data: str) -> InputSpec:
    """The input of a tenant's data set, or of the digits.

    Raises:
        UnknownDataset: the tenant has none of that id.
    """
    if data == DIGITS:
        return DIGITS_INPUT
    with database.read() as connection:
        row = datasets.find(connection, tenant_id, data)
    if row is None:
        raise UnknownDataset(f"There is no data set {data!r}.", fix="List them with GET /v1/datasets, or use digits.")
    summary = row.summary
    return InputSpec(int(summary["resolution"]), int(summary["channels"]), len(summary["classes"]))
