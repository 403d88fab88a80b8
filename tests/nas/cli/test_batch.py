"""`hwnas batch`: prices, runs and shows a batch; what is wrong with a file is said before anything runs."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from nas.cli.app import app
from tests.nas import boards
from tests.nas.batch.batches import LEAST

SPEC: dict[str, Any] = {
    "data": ["digits"],
    "spaces": ["resnet"],
    "targets": ["board", "dpu"],
    "budgets": ["60%", 0.0001],
    "search": {"threads": 1, "augment": "none", "work": LEAST.model_dump(mode="json")},
}


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    boards.install(monkeypatch)


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        app(list(words))
    return int(ended.value.code or 0), capsys.readouterr().out


def write(folder: Path, **changes: Any) -> str:
    file = folder / "boards.yaml"
    file.write_text(yaml.safe_dump({**SPEC, **changes}))
    return str(file)


def test_a_batch_is_priced_run_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = write(tmp_path), str(tmp_path / "runs")
    code, text = answer(capsys, "batch", file, "--plan", "--out", out, "--json")
    plan = json.loads(text)
    assert code == 0 and (plan["cells"], plan["runnable"], plan["supernets"], plan["tables"]) == (4, 4, 1, 2)
    assert plan["total_s"] > 0 and not (tmp_path / "runs" / "boards").exists()
    code, text = answer(capsys, "batch", file, "--out", out, "--json")
    result = json.loads(text)
    assert code == 0 and [cell["state"] for cell in result["cells"]] == ["succeeded", "infeasible"] * 2
    assert all(Path(one).is_file() for one in result["files"]) and len(result["files"]) == 3
    assert json.loads(answer(capsys, "show", "boards", "--out", out, "--json")[1]) == result
    code, text = answer(capsys, "show", "boards", "--out", out)
    assert code == 0 and text.count("infeasible") == 2 and "Supernets: 1 for 2 cells" in text
    code, text = answer(capsys, "show", result["cells"][0]["id"], "--out", out, "--json")
    assert json.loads(text)["models"]["board"]["architecture"] == result["cells"][0]["model"]["architecture"]
    plan = json.loads(answer(capsys, "batch", file, "--plan", "--out", out, "--json")[1])
    assert (plan["finished"], plan["runnable"], plan["infeasible"], plan["total_s"]) == (2, 0, 2, 0.0)


@pytest.mark.parametrize(
    "changes, code, said",
    [
        ({"target": ["board"]}, "invalid_batch", "did you mean targets?"),
        ({"seeds": list(range(300))}, "invalid_batch", "1,200 cells"),
        ({"targets": ["boardd"]}, "unknown_target", "boardd"),
        ({"targets": ["cpu", "cpu:threads=1"]}, "invalid_spec", "are the same target"),
    ],
)
def test_a_wrong_file_runs_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], code: str, said: str
) -> None:
    ended, text = answer(capsys, "batch", write(tmp_path, **changes), "--out", str(tmp_path / "runs"), "--json")
    error = json.loads(text)["error"]
    assert ended == 2 and error["code"] == code and said in error["detail"]
    assert not (tmp_path / "runs").exists()


def test_its_progress_names_the_cells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        app(["batch", write(tmp_path, budgets=["60%"]), "--out", str(tmp_path / "runs")])
    said = capsys.readouterr().err
    assert "2 cells: 0 in the store, 2 to run; supernets: 1; latency tables: 2" in said.replace("\n", " ")
    assert "supernets: 1 of 1" in said and "cells: 2 of 2" in said
    assert "digits, resnet, dpu, 60%, seed 0: " in said
