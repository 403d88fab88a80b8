"""A home that is full and one that is closed to the server are told apart, without paths."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from api.home_errors import home_error
from api.middleware import _unexpected_error
from tests.api.test_datasets import digits


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "out_of_space"),
        (errno.EDQUOT, "out_of_space"),
        (errno.EFBIG, "out_of_space"),
        (errno.EACCES, "unwritable_folder"),
        (errno.EPERM, "unwritable_folder"),
        (errno.EROFS, "unwritable_folder"),
        (errno.EIO, None),
    ],
)
def test_what_the_system_says_of_the_home(number: int, code: str | None) -> None:
    found = home_error(OSError(number, os.strerror(number), "/home/secret"))
    assert (found and found.code) == code
    assert "secret" not in str(found)


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, "out_of_space"), (errno.EACCES, "unwritable_folder")])
def test_an_upload_that_cannot_be_kept_says_why(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    def refuse(path: Path, _place: Any) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr("api.datasets.service.Path.rename", refuse)
    refused = client.post("/v1/datasets", content=digits(), headers={"Content-Type": "application/zip"})
    assert (refused.status_code, refused.json()["code"]) == ({"out_of_space": 507}.get(code, 500), code)
    assert "incoming" not in refused.text


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("database or disk is full", "out_of_space"),
        ("attempt to write a readonly database", "unwritable_folder"),
        ("database is locked", "service_unavailable"),
    ],
)
def test_what_the_database_says_of_its_disk(said: str, code: str) -> None:
    assert _unexpected_error(OperationalError("insert", {}, Exception(said))).code == code


def test_an_unhandled_exception_is_an_internal_error_without_its_details() -> None:
    error = _unexpected_error(ValueError("/home/secret"))
    assert error.code == "internal_error" and "secret" not in f"{error.detail} {error.fix} {error.facts}"
