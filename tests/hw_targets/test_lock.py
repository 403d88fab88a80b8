import subprocess
import sys
from pathlib import Path

import pytest

from hw_targets.errors import TargetUnavailable
from hw_targets.lock import measuring


def test_a_device_is_measured_by_one_process_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code = (
        f"import tempfile; tempfile.tempdir = {str(tmp_path)!r}\n"
        "from hw_targets.lock import measuring\n"
        "from hw_targets.errors import TargetUnavailable\n"
        "try:\n    with measuring('dev/0', patience_s=0.1): print('mine')\n"
        "except TargetUnavailable as e: print(e.code)"
    )

    def other() -> str:
        answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        return answer.stdout.strip()

    with measuring("dev/0"):
        assert other() == "target_unavailable"
        with measuring("another"):
            pass
    assert other() == "mine"


def test_a_lock_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "hwnas-dev.lock").mkdir()
    with pytest.raises(TargetUnavailable, match="writable"), measuring("dev", patience_s=0.1):
        pass
