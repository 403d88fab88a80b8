import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from hw_targets import registry
from hw_targets.cpu import CpuTarget
from hw_targets.errors import UnknownTarget
from hw_targets.registry import TargetEntry, parse, target, targets

FAKE = TargetEntry(
    "fake", "a target of another package", lambda options: CpuTarget(int(options["n"])), lambda: "no such device"
)
NO_ENTRY = 3


def test_ids_are_names_with_options() -> None:
    assert parse("cpu") == ("cpu", {})
    assert parse("a:b=1,c") == ("a", {"b": "1", "c": ""})
    assert target("cpu").info.id == "cpu"
    assert target("cpu:threads=1").info.id == "cpu"
    assert target(" cpu:threads=2 ").info.id == "cpu:threads=2"


@pytest.mark.parametrize("wrong", ["", ":x=1", "cpu:", "cpu:=1", "cpu:threads=1,threads=2", "cpu:,"])
def test_what_is_no_id_is_rejected(wrong: str) -> None:
    with pytest.raises(UnknownTarget, match="Write a name"):
        parse(wrong)


def test_an_unknown_target_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownTarget, match="Use one of") as error:
        target("toaster")
    assert "cpu" in error.value.facts["known"]  # type: ignore[operator]


@pytest.fixture
def other_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    points = EntryPoints(
        EntryPoint(name, f"{__name__}:{attribute}", registry.GROUP)
        for name, attribute in [("fake", "FAKE"), ("broken", "ABSENT"), ("wrong", "NO_ENTRY"), ("cpu", "FAKE")]
    )
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    monkeypatch.setattr(registry, "entry_points", lambda group: points)


@pytest.mark.usefixtures("other_packages")
def test_other_packages_add_targets() -> None:
    assert target("fake:n=4").info.id == "cpu:threads=4"
    listed = {entry.name: entry for entry in targets()}
    assert not listed["fake"].available and listed["fake"].reason == "no such device"
    assert listed["cpu"].summary.startswith("this machine")


@pytest.mark.usefixtures("other_packages")
@pytest.mark.parametrize(("name", "reason"), [("broken", "AttributeError"), ("wrong", "is int")])
def test_a_package_that_cannot_be_loaded_hides_no_other(name: str, reason: str) -> None:
    listed = {entry.name: entry for entry in targets()}
    assert reason in listed[name].reason and listed["cpu"].available
    with pytest.raises(UnknownTarget, match=reason):
        target(name)


def test_a_listing_is_plain_values() -> None:
    (document,) = [entry.to_json() for entry in targets() if entry.name == "cpu"]
    assert document == {
        "id": "cpu",
        "summary": "this machine's processor, INT8 on ONNX Runtime",
        "options": {"threads": "how many threads one network runs on, 1 when absent"},
        "available": True,
        "reason": "",
    }


def test_finding_a_target_loads_no_runtime() -> None:
    code = (
        "import sys; from hw_targets.registry import target; target('cpu:threads=2');"
        "print([m for m in ('onnx', 'onnxruntime', 'torch') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
