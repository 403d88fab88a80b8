"""What all tests share: one torch thread, the development data or a skip, and skips that fail where nothing may be skipped.

Fixtures that only one package needs live beside its tests.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

NO_SKIPS = "HWNAS_NO_SKIPS"
"""Set to 1, a skipped test fails the run: on a machine that has everything, nothing may go unnoticed."""

DATA = "HWNAS_TEST_DATA"
"""The folder of the development data sets; `../shared/data` beside the repository when not set."""


@pytest.fixture(scope="session", autouse=True)
def _few_threads() -> None:
    """Native libraries that load later run on one thread: the same results on any machine, and no fight for its cores."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


@pytest.fixture(autouse=True)
def _one_torch_thread() -> Iterator[None]:
    """Torch, once it is loaded, runs on one thread; a test that needs two sets them itself and finds one again after."""
    import sys

    def reset() -> None:
        torch = sys.modules.get("torch")
        if torch is not None and hasattr(torch, "set_num_threads"):
            torch.set_num_threads(1)

    reset()
    yield
    reset()


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of the development data sets; the test is skipped where it is absent."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get(DATA) or default)
    if not folder.is_dir():
        pytest.skip(f"no development data at {folder}; set {DATA}")
    return folder


_skipped: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Notes what was skipped (an expected failure is not)."""
    if report.skipped and not hasattr(report, "wasxfail"):
        _skipped.append(report.nodeid)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Notes modules that were skipped as a whole."""
    if report.skipped:
        _skipped.append(report.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A skip is a failure where `HWNAS_NO_SKIPS` is set."""
    if _skipped and os.environ.get(NO_SKIPS) == "1" and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names the skipped tests that failed the run."""
    if _skipped and os.environ.get(NO_SKIPS) == "1":
        terminalreporter.section(f"skipped, which {NO_SKIPS}=1 forbids", red=True, bold=True)
        for nodeid in _skipped:
            terminalreporter.line(nodeid)
