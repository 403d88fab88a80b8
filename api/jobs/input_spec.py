"""What a job reads: the resolution, channels and classes of its data set's images; and whether all of it is there."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from api.database import Database
from api.errors import UnknownDataset, UnknownNetwork
from api.jobs.engine_spec import DIGITS
from api.jobs.repository import NewJob
from api.upload_rows import DATASETS, NETWORKS


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
        row = DATASETS.find(connection, tenant_id, data)
    if row is None:
        raise _unknown_dataset(data)
    summary = row.summary
    return InputSpec(int(summary["resolution"]), int(summary["channels"]), len(summary["classes"]))


def dataset_name(database: Database, tenant_id: str, data: str) -> str:
    """The name of a tenant's data set.

    Raises:
        UnknownDataset: the tenant has none of that id.
    """
    if data == DIGITS:
        return DIGITS
    with database.read() as connection:
        row = DATASETS.find(connection, tenant_id, data)
    if row is None:
        raise _unknown_dataset(data)
    return str(row.name)


def check_uploads(connection: Connection, job: NewJob) -> None:
    """Checks that what a job reads is still there, under the tenant's lock: it may have been deleted since the spec was checked.

    Raises:
        UnknownDataset, UnknownNetwork: it is not.
    """
    for dataset_id in job.datasets:
        if DATASETS.find(connection, job.tenant_id, dataset_id) is None:
            raise _unknown_dataset(dataset_id)
    for network_id in job.networks:
        if NETWORKS.find(connection, job.tenant_id, network_id) is None:
            raise unknown_network(network_id)


def _unknown_dataset(data: str) -> UnknownDataset:
    return UnknownDataset(f"There is no data set {data!r}.", fix="List them with GET /v1/datasets, or use digits.")


def unknown_network(network_id: str) -> UnknownNetwork:
    """The error for the id of a network that the tenant does not have."""
    return UnknownNetwork(f"There is no network {network_id!r}.", fix="List them with GET /v1/networks.")
