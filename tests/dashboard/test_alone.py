"""Searches of the fake engine: one without a supernet and with another metric than accuracy, and what the form's advanced part asks for."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from api.testing.browser import violations
from api.testing.fake_engine import ALONE
from api.testing.server import Server, eventually
from tests.api.conftest import body
from tests.api.test_networks import classifier, detector
from tests.nas.own_networks import written


def test_trained_networks_are_the_front_and_nothing_is_estimated(page: Page, fake: Server) -> None:
    job_id = fake.http.post("/v1/jobs", json=body(seed=ALONE, metric="macro_f1")).json()["id"]
    eventually(lambda: fake.http.get(f"/v1/jobs/{job_id}").json()["finished_at"])
    page.goto(f"{fake.url}/jobs/{job_id}")
    finalists = page.get_by_role("region", name="Finalists").get_by_role("row")
    # The head; a1, which was trained for another round; b2.
    expect(finalists).to_have_count(3)
    expect(finalists.nth(1)).to_contain_text(
        re.compile(r"a1.*2 of 2.*2,000.*98\.50 % ± 1\.00 %.*0\.100 ms measured.*yes")
    )
    expect(finalists.nth(2)).to_contain_text(re.compile(r"b2.*1 of 2.*1,000.*70\.00 %"))
    expect(page.get_by_text("2 networks are trained instead of a supernet.")).to_be_visible()
    expect(page.get_by_role("columnheader", name=re.compile("^INT8 macro F1")).first).to_be_visible()
    option = page.get_by_role("listbox").get_by_role("option").first
    expect(option).to_have_accessible_name(re.compile("^Point 1 of 1 on the front: a1, INT8 macro F1"))
    assert "estimated" not in (page.locator("main").text_content() or "")
    expect(page.get_by_role("heading", name="Hypervolume")).to_have_count(0)
    assert violations(page) == []


def test_advanced_settings_are_requested_and_kept_in_the_address(page: Page, fake: Server) -> None:
    page.goto(f"{fake.url}/new")
    page.get_by_text("Advanced", exact=False).first.click()
    page.get_by_label("Search metric").select_option("macro F1")
    page.get_by_label("Latency statistic of the budget").select_option("median (p50)")
    expect(page).to_have_url(re.compile("metric=macro_f1&budget_on=p50"))
    expect(page.get_by_text("2 networks are trained at 8 x 8 pixels.")).to_be_visible(timeout=60_000)
    stages = page.locator("table.stages")
    expect(stages.get_by_role("row")).to_have_count(2)  # profiling and fine_tuning: no supernet is trained or searched
    page.get_by_role("button", name="Start search").click()
    expect(page).to_have_url(re.compile("/jobs/job_"))
    (job,) = fake.http.get("/v1/jobs").json()["items"]
    assert (job["spec"]["metric"], job["spec"]["budget_on"], job["spec"]["fit"]) == ("macro_f1", "p50", "stretch")


def test_an_own_network_is_uploaded_and_started_from(page: Page, fake: Server, tmp_path: Path) -> None:
    page.goto(f"{fake.url}/new")
    page.get_by_text("Advanced", exact=False).first.click()
    files = page.locator("input[type=file][accept='.onnx']")
    foreign = tmp_path / "mine.pt"
    foreign.write_bytes(b"x")
    files.set_input_files(foreign)
    expect(page.get_by_text("Other files are exported first")).to_be_visible()
    files.set_input_files(written(detector(), tmp_path / "boxes.onnx"))
    expect(page.get_by_text("it is no classifier")).to_be_visible(timeout=60_000)
    assert violations(page) == []
    files.set_input_files(written(classifier(), tmp_path / "my net.onnx"))
    start = page.get_by_label("Start from")
    expect(start.locator("option:checked")).to_have_text(re.compile(r"^my net \(5 classes, "), timeout=60_000)
    expect(start).to_have_accessible_description(re.compile("^5 classes, 16 . 16 pixels, grayscale. 100 %"))
    expect(page.get_by_text("start from: my net")).to_be_visible()
    expect(page.get_by_text("Ready to start.")).to_be_visible(timeout=60_000)
    assert violations(page) == []
    page.get_by_role("button", name="Start search").click()
    expect(page).to_have_url(re.compile("/jobs/job_"))
    (network,) = fake.http.get("/v1/networks").json()["items"]
    assert fake.http.get("/v1/jobs").json()["items"][0]["spec"]["start_from"] == network["id"]


def test_what_a_search_cost_and_whether_to_trust_it_is_on_its_pages(page: Page, fake: Server) -> None:
    job_id = fake.http.post("/v1/jobs", json=body()).json()["id"]
    eventually(lambda: fake.http.get(f"/v1/jobs/{job_id}").json()["finished_at"])
    page.goto(f"{fake.url}/jobs/{job_id}")
    expect(page.get_by_text("at least 5 are needed to say whether the search's scores can be trusted")).to_be_visible()
    (model,) = fake.http.get("/v1/models").json()["items"]
    assert (model["cost"]["trainings"], model["trust"]["verdict"]) == (3.0, "too few")
    page.goto(f"{fake.url}/models/{model['id']}")
    search = page.get_by_role("region", name="The search")
    expect(search).to_contain_text("at least 5 are needed")
    expect(search).to_contain_text(
        re.compile(r"Evaluations5Images evaluated500Core-seconds60 \(training 50, searching 10\)")
    )
    expect(search).to_contain_text(re.compile(r"In trainings of this network3$"))
    assert violations(page) == []
