"""Batches of the fake engine: the form, the matrix of cells as it fills, and what a batch that has ended shows."""

import re
from typing import Any

from playwright.sync_api import Page, expect

from api.testing.browser import violations
from api.testing.fake_engine import INFEASIBLE, PLAIN, SLOW
from api.testing.server import Server, eventually
from tests.dashboard.views import is_wider_than_its_window

MATRIX: dict[str, Any] = {
    "kind": "batch",
    "data": ["digits"],
    "spaces": ["mobilenet", "resnet"],
    "targets": ["cpu"],
    "budgets": ["40%", 0.2],
    "search": {"effort": "quick"},
}


def queued(server: Server, **changes: Any) -> str:
    """The id of a batch."""
    made: str = server.http.post("/v1/jobs", json={"spec": {**MATRIX, **changes}}).json()["id"]
    return made


def sound_everywhere(page: Page) -> None:
    """Holds a page against axe-core in light and dark, and looks whether it scrolls sideways on a phone."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert violations(page) == []
    page.set_viewport_size({"width": 360, "height": 800})
    assert not is_wider_than_its_window(page)
    page.set_viewport_size({"width": 1280, "height": 900})


def test_a_batch_is_counted_and_priced_before_it_is_started(page: Page, fake: Server) -> None:
    page.goto(f"{fake.url}/")
    page.get_by_role("link", name="New batch").click()
    expect(page.get_by_role("heading", name="New batch")).to_be_visible()
    cells = page.get_by_role("complementary")
    expect(cells).to_contain_text("2 cells")
    page.get_by_role("textbox", name="Latency budgets").fill("40%, 0.2")
    page.get_by_role("textbox", name="Seeds").fill("0, 1, 2")
    expect(cells).to_contain_text("12 cells")
    expect(cells).to_contain_text(re.compile("1 data set . 2 search spaces . 1 target . 2 budgets . 3 seeds"))
    expect(cells).to_contain_text(
        re.compile(r"8 to run.*6 supernets, 2 latency tables.*38 s.*4 cells: No network is as fast\."), timeout=60_000
    )
    sound_everywhere(page)
    page.get_by_role("textbox", name="Seeds").fill("one")
    expect(page.get_by_text("Give whole numbers, separated by commas.")).to_be_visible()
    expect(page.get_by_role("button", name="Start batch")).to_be_disabled()
    page.get_by_role("textbox", name="Seeds").fill("0")
    page.get_by_role("group", name="Search spaces").get_by_role("checkbox", name=re.compile("^mobilenet")).uncheck()
    expect(page).to_have_url(re.compile("spaces=resnet&targets=cpu&budgets="))
    page.get_by_role("button", name="Start batch").click()
    expect(page).to_have_url(re.compile("/jobs/job_.*/cells$"))
    (job,) = fake.http.get("/v1/jobs").json()["items"]
    assert (job["spec"]["spaces"], job["spec"]["budgets"]) == (["resnet"], ["40%", 0.2])


def test_the_matrix_of_a_batch_that_has_ended(page: Page, fake: Server) -> None:
    job_id = queued(fake, seeds=[PLAIN, INFEASIBLE])
    eventually(lambda: fake.http.get(f"/v1/jobs/{job_id}").json()["finished_at"])
    page.goto(f"{fake.url}/jobs/{job_id}")
    expect(page.get_by_text("8 cells: 4 succeeded, 4 infeasible")).to_be_visible()
    rows = page.get_by_role("region", name="Cells on digits").get_by_role("row")
    expect(rows).to_have_count(1 + 2 * 2)
    expect(rows.nth(1)).to_contain_text(re.compile(r"mobilenet.*98\.00 %.*best.*0\.100 ms measured"))
    expect(rows.nth(2)).to_contain_text(re.compile(r"infeasible.*No network is as fast\."))
    expect(page.get_by_role("region", name="Table of shared work")).to_contain_text("supernet")
    report = page.get_by_role("region", name="Table of files")
    with page.expect_download() as download:
        report.get_by_role("link", name="report.html").click()
    assert download.value.suggested_filename == "report.html"
    sound_everywhere(page)
    rows.nth(1).get_by_role("link").first.click()
    expect(page).to_have_url(re.compile("/models/mdl_"))


def test_the_matrix_fills_as_the_batch_runs(page: Page, fake: Server) -> None:
    job_id = queued(fake, seeds=[PLAIN, SLOW], spaces=["resnet"], budgets=["40%"])
    page.goto(f"{fake.url}/jobs/{job_id}")
    expect(page.get_by_text("2 cells: 1 succeeded, 1 running")).to_be_visible()
    rows = page.get_by_role("region", name="Cells on digits").get_by_role("row")
    expect(rows.nth(2)).to_contain_text("running")
    expect(page.get_by_text("1 of 2 cells")).to_be_visible()
    page.get_by_role("link", name="Events").click()
    expect(page.get_by_text("cells: 1 of 2; cells: ")).to_be_visible()
    page.get_by_role("link", name="Cells").click()
    page.get_by_role("button", name="Cancel").first.click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile("Cancel")).click()
    expect(page.get_by_text("cancelled").first).to_be_visible()
    sound_everywhere(page)
