"""Every view on data of a real search: nothing for axe-core to find in light and dark, no sideways scrolling, and a picture of each."""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from api.testing.browser import signed_in, violations
from api.testing.fake_engine import INFEASIBLE
from api.testing.server import Server
from tests.api.conftest import body
from tests.dashboard.conftest import SCREENSHOTS
from tests.dashboard.views import VIEWS, Finished, View, is_wider_than_its_window

SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")

each_view = pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)


@pytest.fixture(scope="module")
def desk(browser: Browser, real: Server, finished: Finished) -> Iterator[Page]:
    """A page on the service that has the finished search, which all tests of this module go on with."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(20_000)
    yield signed_in(context, real)
    context.close()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures go."""
    folder = Path(os.environ.get(SCREENSHOTS) or tmp_path_factory.mktemp("pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def looked_at(page: Page, name: str, pictures: Path) -> None:
    """Holds a page against axe-core in light and dark, and keeps a picture of each."""
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        picture = Image.open(io.BytesIO(page.screenshot(animations="disabled", caret="hide"))).convert("RGB")
        picture.quantize(256, dither=Image.Dither.NONE).save(pictures / f"{name}-{scheme}.png", optimize=True)
        assert violations(page) == []
    assert not is_wider_than_its_window(page)


@each_view
def test_each_view_in_light_and_dark(view: View, desk: Page, real: Server, finished: Finished, pictures: Path) -> None:
    desk.set_viewport_size({"width": 1280, "height": 900})
    view.open(desk, real.url, finished)
    looked_at(desk, view.name, pictures)


def test_the_views_of_an_empty_installation(context: BrowserContext, fake: Server, pictures: Path) -> None:
    page = context.new_page()
    page.goto(fake.url)
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
    looked_at(page, "sign-in", pictures)
    page.close()
    page = signed_in(context, fake)
    page.goto(fake.url)
    expect(page.get_by_role("heading", name="No jobs yet")).to_be_visible()
    looked_at(page, "jobs-empty", pictures)
    page.get_by_role("link", name="Models").click()
    expect(page.get_by_role("heading", name="No models yet")).to_be_visible()
    looked_at(page, "models-empty", pictures)
    page.get_by_role("link", name="Start a search").click()
    expect(page.get_by_role("button", name="Start search")).to_be_enabled()
    job_id = fake.http.post("/v1/jobs", json=body(seed=INFEASIBLE)).json()["id"]
    page.goto(f"{fake.url}/jobs/{job_id}")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    looked_at(page, "failed", pictures)


@each_view
@pytest.mark.parametrize("width", [360, 640], ids=["phone", "zoomed-to-200-%"])
def test_no_view_scrolls_sideways(view: View, width: int, desk: Page, real: Server, finished: Finished) -> None:
    desk.set_viewport_size({"width": width, "height": 800 if width == 360 else 450})
    view.open(desk, real.url, finished)
    assert not is_wider_than_its_window(desk)
