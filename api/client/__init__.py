"""The Python client of the service: jobs to wait for, models to download.

    from api.client import Client

    with Client("http://localhost:8000", key="nas_...") as client:
        job = client.search(data="digits", targets=[{"target": "cpu", "latency_ms": "40%"}]).wait()
        for model in job.models():
            model.download("bundle")

`AsyncClient` is the same with `await`.
"""

from api.client.aio import AsyncClient, AsyncJob, AsyncModel
from api.client.sync import Client, Job, Model
from api.errors import ApiError

__all__ = ["ApiError", "AsyncClient", "AsyncJob", "AsyncModel", "Client", "Job", "Model"]
