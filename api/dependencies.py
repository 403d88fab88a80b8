"""What routes ask for: the services of the application, by type."""

from typing import Annotated

from fastapi import Depends, Request

from api.database import Database
from api.datasets.service import Datasets
from api.jobs.service import Jobs
from api.keys.service import Keys
from api.models.service import Models
from api.networks.service import Networks
from api.settings import Settings
from api.supervisor import Supervisor


async def _jobs(request: Request) -> Jobs:
    jobs: Jobs = request.app.state.jobs
    return jobs


async def _datasets(request: Request) -> Datasets:
    datasets: Datasets = request.app.state.datasets
    return datasets


async def _networks(request: Request) -> Networks:
    networks: Networks = request.app.state.networks
    return networks


async def _models(request: Request) -> Models:
    models: Models = request.app.state.models
    return models


async def _keys(request: Request) -> Keys:
    keys: Keys = request.app.state.keys
    return keys


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def _supervisor(request: Request) -> Supervisor | None:
    supervisor: Supervisor | None = request.app.state.supervisor
    return supervisor


JobsService = Annotated[Jobs, Depends(_jobs)]
DatasetsService = Annotated[Datasets, Depends(_datasets)]
NetworksService = Annotated[Networks, Depends(_networks)]
ModelsService = Annotated[Models, Depends(_models)]
KeysService = Annotated[Keys, Depends(_keys)]
SettingsValue = Annotated[Settings, Depends(_settings)]
DatabaseValue = Annotated[Database, Depends(_database)]
SupervisorValue = Annotated[Supervisor | None, Depends(_supervisor)]
