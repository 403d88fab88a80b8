"""The dashboard's files are handed out to everyone, each under its address alone, and what may be kept says so."""

import gzip
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api import dashboard_files
from api.settings import Settings
from tests.api.conftest import serving

SCRIPT = b"export const a = 1;"
PAGE = b"<!doctype html><title>hwnas</title>"


@pytest.fixture
def built(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A service with a dashboard of three files, and nobody signed in."""
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_bytes(PAGE)
    (dist / "theme.js").write_bytes(SCRIPT)
    (dist / "assets" / "index-a1b2.js").write_bytes(SCRIPT)
    (tmp_path / "secret").write_text("nobody reads this")
    monkeypatch.setattr(dashboard_files, "DIST", dist)
    with serving(settings) as client:
        del client.headers["Authorization"]
        client.headers["Accept-Encoding"] = "identity"
        return client


@pytest.mark.parametrize(
    "address", ["/", "/new?clone=x", "/jobs/job_1", "/jobs/job_1/events?type=log", "/models", "/models/mdl_1"]
)
def test_every_view_is_the_same_page(built: TestClient, address: str) -> None:
    page = built.get(address)
    assert (page.status_code, page.content, page.headers["content-type"]) == (200, PAGE, "text/html; charset=utf-8")
    assert page.headers["cache-control"] == "no-cache"
    assert "script-src" not in page.headers["content-security-policy"]  # default-src 'self' holds
    head = built.head(address)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(PAGE)))


def test_a_file_with_a_hash_in_its_name_may_be_kept(built: TestClient) -> None:
    script = built.get("/assets/index-a1b2.js")
    assert (script.content, script.headers["content-type"]) == (SCRIPT, "text/javascript; charset=utf-8")
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert built.get("/theme.js").headers["cache-control"] == "no-cache"


def test_what_has_not_changed_is_not_sent_again(built: TestClient) -> None:
    tag = built.get("/").headers["etag"]
    again = built.get("/", headers={"If-None-Match": f'"other", W/{tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert built.get("/", headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(("accepted", "zipped"), [("gzip, br", True), ("gzip;q=0.5", True), ("br, gzip;q=0", False)])
def test_who_takes_gzip_gets_it(built: TestClient, accepted: str, zipped: bool) -> None:
    with built.stream("GET", "/assets/index-a1b2.js", headers={"Accept-Encoding": accepted}) as answer:
        sent = b"".join(answer.iter_raw())
    assert answer.headers["vary"] == "Accept-Encoding"
    assert (answer.headers.get("content-encoding") == "gzip") == zipped
    assert (gzip.decompress(sent) if zipped else sent) == SCRIPT


@pytest.mark.parametrize(
    "address",
    ["/assets/none.js", "/assets/..%2f..%2fsecret", "/assets/%2e%2e/secret", "/assets/../../secret", "/assets//secret",
     "/assets/..%5c..%5csecret", "/index.html", "/icon.svg"],
)  # fmt: skip
def test_no_address_leads_out_of_the_build(built: TestClient, address: str) -> None:
    answer = built.get(address)
    assert answer.status_code == 404 and b"nobody" not in answer.content


def test_without_a_build_a_plain_page_says_how_to_get_one(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard_files, "DIST", tmp_path / "absent")
    with serving(settings) as client:
        page = client.get("/jobs/job_1").text
        assert "make dashboard" in page and 'lang="en"' in page and "<script" not in page and "style=" not in page
        assert client.get("/assets/index.js").status_code == 404
