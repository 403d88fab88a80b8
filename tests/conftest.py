"""What all tests share: one thread for native libraries, the development data or a skip, skips that fail the run where
nothing may be skipped, and what the processes of a run share out.

Fixtures that only one package needs live beside its tests.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import Scheduling

    from tests.ray_cluster import RayCluster

NO_SKIPS = "HWNAS_NO_SKIPS"
"""Set to 1, a skipped test fails the run: on a machine that has everything, nothing may go unnoticed."""

MAY_SKIP = "HWNAS_MAY_SKIP"
"""Folders of tests that may be skipped all the same, separated by spaces: those that need what a machine seldom has."""

DATA = "HWNAS_TEST_DATA"
"""The folder of the development data sets; `../shared/data` beside the repository when not set."""

MEASURES = (
    "tests/dashboard/",
    "tests/nas/test_pipeline.py",
    "tests/api/test_real_engine.py",
    "tests/api/test_stopping.py",
    "tests/benchmarks/test_against_baselines.py",
    "tests/benchmarks/test_dashboard.py",
    "tests/benchmarks/test_latency_fidelity.py",
    "tests/hw_targets/test_cpu.py",
    "tests/hw_targets/test_ort_profiler.py",
    "tests/hw_targets/test_timing.py",
    "tests/cuda/",
)
"""Files and folders whose tests measure the processor, look at a clock or drive a browser. Where several processes run tests, one
of them has these, one after the other. A file that is missing here is no error: the machine's lock (`hw_targets/lock.py`) lets one
process measure at a time, and the other waits."""

CLUSTER = (
    "tests/benchmarks/test_scaling.py",
    "tests/nas/execution/test_cluster.py",
    "tests/nas/stages/test_train_on_cluster.py",
    "tests/nas/test_pipeline_on_cluster.py",
    "tests/api/test_batch_on_cluster.py",
)
"""Files whose tests start Ray clusters: one process has them, one after the other, since each takes a dozen processes of its own."""

LONG = (
    "tests/nas/execution/test_cluster.py",
    "tests/test_docs.py",
    "tests/api/test_operations.py",
    "tests/api/test_schemathesis.py",
    "tests/api/test_serve.py",
    "tests/benchmarks/test_scaling.py",
    "tests/benchmarks/test_service_faults.py",
)
"""Files that take about a minute. They are begun early, so that no process is left alone with one at the end."""

# Before any test module loads a native library: the same results on any machine, and no fight for its cores. Processes that
# tests start inherit it.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
# ONNX Runtime and Ray report their use to their makers unless told not to.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

# A shared machine may be slow at any moment, so nothing has a deadline. The examples are others in each run, also in continuous
# integration, and none is remembered from an earlier one: a failure prints how to repeat it.
settings.register_profile(
    "hwnas",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=False,
    database=None,
    print_blob=True,
)
settings.load_profile("hwnas")

_skipped: list[str] = []


@pytest.fixture(autouse=True)
def _one_torch_thread() -> None:
    """Torch, where it is loaded, runs on one thread; a test that needs more sets that itself, and the next has one again."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() != 1:
        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of the development data sets; the test is skipped where it is absent."""
    folder = Path(os.environ.get(DATA) or Path(__file__).parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no development data at {folder}; {DATA} names their folder")
    return folder


@pytest.fixture(scope="session")
def ray_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator["RayCluster"]:
    """A Ray cluster of two nodes with two cores each; a test leaves it as it was. Files that use it are in `CLUSTER`."""
    from tests.ray_cluster import RayCluster

    with RayCluster(nodes=2, folder=tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


def _group(nodeid: str) -> str:
    """Which tests stay in one process and in their order: those that measure, those of the cluster, else those of a file."""
    if nodeid.startswith(MEASURES):
        return "measures"
    return "cluster" if nodeid.startswith(CLUSTER) else nodeid.partition("::")[0]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begins with the tests that take longest."""
    items.sort(key=lambda item: 2 - item.nodeid.startswith(LONG) - 2 * item.nodeid.startswith(MEASURES))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> "Scheduling":
    """Gives each process of a run (`pytest -n 2`) a group of tests after the other."""
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):  # type: ignore[misc]  # it ships no types
        def _split_scope(self, nodeid: str) -> str:
            return _group(nodeid)

    config.option.loadscopereorder = False  # it would put the files with the fewest tests last, which are the longest
    return ByGroup(config, log)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Notes what was skipped (an expected failure is none)."""
    if report.skipped and not hasattr(report, "wasxfail"):
        _skipped.append(report.nodeid)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Notes modules that were skipped as a whole."""
    if report.skipped:
        _skipped.append(report.nodeid)


def _forbidden() -> list[str]:
    allowed = tuple(os.environ.get(MAY_SKIP, "").split())
    return [node for node in _skipped if not node.startswith(allowed)] if os.environ.get(NO_SKIPS) == "1" else []


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails a run that passed but for its skips."""
    if _forbidden() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names the skipped tests that failed the run."""
    if _forbidden():
        terminalreporter.section(f"skipped, which {NO_SKIPS}=1 forbids", red=True)
        for nodeid in _forbidden():
            terminalreporter.line(nodeid)
