"""A browser, and services for it: one with the real engine that all tests of the main path share, and others with the fake one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from api.dashboard_files import DIST
from api.settings import Settings
from api.testing.browser import CHROMIUM, HINT, MISSING, browsing, signed_in
from api.testing.server import Server, eventually, fast_settings
from tests.api.conftest import body
from tests.api.little_engine import SETTINGS
from tests.dashboard.views import Finished, finished_search

SCREENSHOTS = "HWNAS_SCREENSHOTS"
"""The folder that pictures of the views go to. Set, the search that they show is a longer one; it takes some minutes."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; the test is skipped where it is absent. Not for the session: while it runs, so does its event loop."""
    if CHROMIUM is None:
        pytest.skip(HINT)
    if not (DIST / "index.html").exists():
        pytest.skip(MISSING)
    expect.set_options(timeout=30_000)  # a busy machine is slow
    with browsing() as started:
        yield started


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service with the real engine, shared by the tests of a session; for pictures with as much work as users get."""
    little = {} if os.environ.get(SCREENSHOTS) else SETTINGS
    home = tmp_path_factory.mktemp("real") / "home"
    settings = Settings(home=home, poll_s=0.1, request_burst=10_000, requests_per_s=1e4, **little)
    server = Server(settings)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="module")
def finished(browser: Browser, real: Server) -> Finished:
    """A search of the digits that the real engine has finished, with its model; that of an earlier test where there is one."""
    found = finished_search(real.http)
    if found is None:
        queued = body(threads=1) | {"labels": {"name": "digits on this machine", "project": "digits"}}
        job_id = real.http.post("/v1/jobs", json=queued).json()["id"]
        eventually(lambda: real.http.get(f"/v1/jobs/{job_id}").json()["finished_at"], within_s=1200)
        found = finished_search(real.http)
    assert found is not None
    return found


@contextmanager
def serving(home: Path) -> Iterator[Server]:
    """A service with the fake engine, which can be killed and started again on its port."""
    server = Server(fast_settings(home, worker=True), keeps_port=True)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Server]:
    """A service with the fake engine for one test; nothing is in it."""
    with serving(tmp_path / "home") as server:
        yield server


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that nobody used before, which fails the test when a page has an error."""
    made = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    made.set_default_timeout(20_000)
    wrong: list[str] = []
    made.on("weberror", lambda error: wrong.append(str(error.error)))
    yield made
    made.close()
    assert not wrong


@pytest.fixture
def page(context: BrowserContext, fake: Server) -> Page:
    """A page, signed in to the service with the fake engine."""
    return signed_in(context, fake)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that look at a finished search come last: those before them may have made one."""
    items.sort(key=lambda item: "finished" in getattr(item, "fixturenames", ()))
