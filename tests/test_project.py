"""What holds of the project as a whole: floors, light imports, pins, commands, and files that name no machine."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.repository import PACKAGES, ROOT, modules, tracked

DASHBOARD = Path("api", "dashboard")
HEAVY = ("torch", "onnx", "onnxruntime", "optuna", "ray", "sklearn", "scipy", "fastapi", "sqlalchemy")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())


def _requirements() -> list[Requirement]:
    project = PROJECT["project"]
    return [Requirement(text) for text in (*project["dependencies"], *project["optional-dependencies"]["dev"])]


def _pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in pins.items()}


# --- Imports


def test_an_import_only_points_down() -> None:
    from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == EXIT_STATUS_SUCCESS


@pytest.mark.parametrize("module", [*PACKAGES, "nas.cli", "api.cli"])
def test_an_import_is_quick_and_loads_nothing_heavy(module: str) -> None:
    code = (
        "import sys, time; started = time.process_time()\n"  # others on the machine do not lengthen it
        f"import {module}\n"
        f"seconds = time.process_time() - started; print(seconds, *[name for name in {HEAVY!r} if name in sys.modules])"
    )
    runs = [subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).split() for _ in range(3)]
    assert all(run[1:] == [] for run in runs)
    assert min(float(run[0]) for run in runs) < 1.0


def test_the_functions_of_the_python_interface_are_not_replaced_by_a_package_of_the_same_name() -> None:
    code = (
        "from nas import SearchSpec, search, export\nimport nas.search.study\nimport nas\nfrom nas import search as again\n"
        "from nas.search import study\nprint(callable(search), callable(export), again is search is nas.search, study.run.__name__)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).split() == ["True"] * 3 + ["run"]


def test_what_the_packages_import_is_declared() -> None:
    """Modules for testing may need the development requirements besides."""
    project = PROJECT["project"]
    declared, developed = (
        {canonicalize_name(Requirement(text).name) for text in texts}
        for texts in (project["dependencies"], project["optional-dependencies"]["dev"])
    )
    distributions = metadata.packages_distributions()
    undeclared = {
        f"{path.relative_to(ROOT)}: {name}"
        for path, tree in modules()
        if path.relative_to(ROOT).parts[0] in PACKAGES
        for name in {module.partition(".")[0] for module in _imported(tree)}
        if name not in sys.stdlib_module_names and name not in PACKAGES
        if (declared | developed if _is_for_testing(path) else declared).isdisjoint(
            canonicalize_name(d) for d in distributions.get(name, [])
        )
    }
    assert undeclared == set()


def test_nobody_imports_tests_and_no_product_what_is_for_testing() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {module}"
        for path, tree in modules()
        for module in _imported(tree)
        if module.partition(".")[0] == "tests"
        or (
            re.match(rf"({'|'.join(PACKAGES)})\.testing\b", module)
            and path.relative_to(ROOT).parts[0] in PACKAGES
            and not _is_for_testing(path)
        )
    ]
    assert wrong == []


def _is_for_testing(path: Path) -> bool:
    return "testing" in path.relative_to(ROOT).parts[:-1]


def _imported(tree: ast.Module) -> Iterator[str]:
    """The modules that a file imports, also inside of functions; of a package's modules, both names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


# --- Pins


def test_every_pin_is_what_is_installed() -> None:
    installed: dict[str, str] = {
        canonicalize_name(d.name): d.version.partition("+")[0] for d in metadata.distributions()
    }
    pins = _pins()
    assert {name: installed.get(name) for name in pins} == pins


def test_every_requirement_is_pinned_down_to_the_last_indirect_one() -> None:
    pins = _pins()
    missing: set[str] = set()
    seen: set[tuple[str, str]] = set()
    queue = [(requirement, "") for requirement in _requirements()]
    while queue:
        requirement, extra = queue.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        if name.startswith(("nvidia-", "cuda-")) or name == "triton":
            continue  # a CUDA build of torch names exact versions of these itself
        if name not in pins or not requirement.specifier.contains(pins[name], prereleases=True):
            missing.add(str(requirement))
            continue
        for wanted in ("", *requirement.extras):
            if (name, wanted) not in seen:
                seen.add((name, wanted))
                queue.extend((Requirement(text), wanted) for text in metadata.requires(name) or [])
    assert missing == set()
    assert {name for name, _ in seen} == set(pins)


def test_pins_are_exact_and_name_no_index() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9A-Za-z.]*", line)] == []
    assert "torch==2.13.0" in lines  # no local part: it would choose between the CPU and the CUDA build


# --- What is installed


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(tmp_path: Path) -> None:
    packaged = [path.relative_to(ROOT) for path in tracked() if path.relative_to(ROOT).parts[0] in PACKAGES]
    own = [path for path in packaged if not path.is_relative_to(DASHBOARD)]
    (tmp_path / "README.md").touch()
    built_dashboard = {DASHBOARD / "dist" / name for name in ("index.html", "theme.js", "assets/index-a1b2.js")}
    for path in (*built_dashboard, DASHBOARD / "src" / "main.tsx", DASHBOARD / "node_modules" / "react" / "index.js"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    for path in (*own, Path("pyproject.toml"), Path("LICENSE")):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes((ROOT / path).read_bytes())
    code = "import setuptools.build_meta as build; print(build.build_wheel('dist'))"
    built = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        described = archive.read(f"hwnas-{PROJECT['project']['version']}.dist-info/METADATA").decode()
    assert names == {str(path) for path in (*own, *built_dashboard)}
    assert "License-Expression: Apache-2.0" in described
    assert {f"{package}/py.typed" for package in PACKAGES} <= names


def test_the_changelog_begins_with_this_version() -> None:
    versions = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert versions[0] == PROJECT["project"]["version"]


# --- Commands


def _make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs make as a user would, not as a part of the make that may have started the tests."""
    ours = ("MAKE", "MFLAGS", "PYTEST", "HWNAS_PYTHON", "OUT")  # PYTEST_CURRENT_TEST, too
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_make_has_its_commands() -> None:
    shown = _make(ROOT, "help").stdout
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert phony is not None and len(phony[1].split()) > 10
    assert re.findall(r"^  make ([\w-]+) +\S", shown, flags=re.MULTILINE) == phony[1].split()


@pytest.mark.parametrize(
    ("target", "commands"),
    [
        (
            "test",
            ["ruff check .", "ruff format --check .", "mypy", "lint-imports", "python -m pytest --numprocesses 2"],
        ),
        (
            "demo",
            ["hwnas search --data digits --space mobilenet --target cpu --latency-ms 40% --minutes 2 --out runs/"],
        ),
        ("serve", ["hwnas serve"]),
    ],
)
def test_a_command_sets_up_and_then_runs(target: str, commands: list[str]) -> None:
    planned = _make(ROOT, "--dry-run", "--always-make", target).stdout.splitlines()
    torch, package = (next(i for i, line in enumerate(planned) if mark in line) for mark in ("torch==2.13.0", "[dev]"))
    assert torch < package
    ran = [line.strip() for line in planned[package + 1 :] if line.startswith(".venv/bin/")]
    assert ran == [f".venv/bin/{command}" for command in commands]
    assert any(line.endswith("npm --prefix api/dashboard run build") for line in planned) == (target != "demo")


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A folder with what `make setup` reads."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    return tmp_path


def test_an_old_python_is_refused_with_the_way_out(fresh: Path) -> None:
    old = fresh / "old"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.10.2"\nexit 1\n')
    old.chmod(0o755)
    result = _make(fresh, "setup", f"HWNAS_PYTHON={old}")
    assert result.returncode != 0
    assert "needs Python 3.11 or newer" in result.stderr
    assert "Python 3.10.2" in result.stderr
    assert "HWNAS_PYTHON=" in result.stderr
    assert not (fresh / ".venv").exists()


def test_an_absent_python_is_refused_with_the_way_out(fresh: Path) -> None:
    result = _make(fresh, "setup", "HWNAS_PYTHON=no-such-python")
    assert result.returncode != 0
    assert "HWNAS_PYTHON=" in result.stderr


def test_setup_does_nothing_the_second_time(fresh: Path) -> None:
    (fresh / ".venv").mkdir()
    (fresh / ".venv" / ".installed").touch()
    result = _make(fresh, "setup", "HWNAS_PYTHON=false")
    assert (result.returncode, result.stderr) == (0, "")


def test_continuous_integration_is_a_sound_script() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", script], check=True)
    assert "HWNAS_NO_SKIPS=1" in script.read_text()


def test_continuous_integration_draws_other_examples_each_time_and_says_how_to_draw_them_again(tmp_path: Path) -> None:
    for name in ("make", "git", "chromium", "sudo", "apt-get"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho {name} "$@"\n')
        (tmp_path / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "HWNAS_PYTHON": sys.executable}

    def drawn(*arguments: str) -> str:
        run = [str(ROOT / ".ci" / "run"), *arguments]
        *_, told, made = subprocess.check_output(run, env=environment, text=True).splitlines()
        seed = told.rpartition(" ")[2]
        assert f"--hypothesis-seed={seed}." in told
        assert made == f"make --keep-going test PYTEST=--hypothesis-seed={seed}"
        return seed

    assert len({drawn() for _ in range(3)}) > 1
    assert drawn("7") == "7"


def test_compose_is_sound_and_stays_on_loopback() -> None:
    _passes("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")
    document = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    services = document["services"]
    assert {"db", "api", "worker"} <= set(services)
    assert services["api"]["ports"] == ["127.0.0.1:8000:8000"]
    assert [name for name, service in services.items() if "ports" in service] == ["api"]
    for service in services.values():
        assert service["healthcheck"]["test"] and service["read_only"] is True
    assert all(secret["file"].startswith("./secrets/") for secret in document["secrets"].values())
    assert "PASSWORD:" not in (ROOT / "docker-compose.yml").read_text()


def test_the_image_is_built_by_the_rules() -> None:
    _passes("hadolint", "Dockerfile")
    text = (ROOT / "Dockerfile").read_text()
    assert "USER 10001" in text and "USER root" not in text


def _passes(program: str, *arguments: str) -> None:
    command = [str(Path(sys.executable).parent / program), *arguments]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


# --- Files


def test_no_file_names_a_machine() -> None:
    place = re.compile(r"(?:^|[\s\"'`(=])/(?:home|root|Users|work|tmp|mnt)/", flags=re.MULTILINE)
    named = []
    for path in tracked():
        try:
            if path.relative_to(ROOT).parts[0] != "tests" and place.search(path.read_text()):
                named.append(str(path.relative_to(ROOT)))
        except UnicodeDecodeError:
            continue
    assert named == []


def test_a_file_and_a_function_hold_one_thing() -> None:
    long: list[str] = []
    for path, tree in modules():
        name, lines = path.relative_to(ROOT), path.read_text().count("\n")
        long += [f"{name}: {lines} lines"] if lines > 450 else []
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                long += [f"{name}: {node.name}: {lines} lines"] if lines > 80 else []
    assert long == []


# --- The tests themselves


@pytest.mark.parametrize(("forbidden", "status", "processes"), [("", 0, "0"), ("1", 1, "0"), ("1", 1, "2")])
def test_a_skip_fails_the_run_where_none_is_allowed(
    tmp_path: Path, forbidden: str, status: int, processes: str
) -> None:
    (tmp_path / "conftest.py").write_bytes((ROOT / "tests" / "conftest.py").read_bytes())
    (tmp_path / "test_it.py").write_text("def test_it(test_data): pass\n\n\ndef test_that(): pass\n")
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--numprocesses", processes, tmp_path],
        cwd=tmp_path,
        env={**os.environ, "HWNAS_TEST_DATA": str(tmp_path / "absent"), "HWNAS_NO_SKIPS": forbidden},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == status
    assert ("skipped, which HWNAS_NO_SKIPS=1 forbids" in result.stdout) == bool(status)
    assert "1 passed, 1 skipped" in result.stdout.splitlines()[-1]


def test_examples_are_others_in_each_run_and_a_failure_says_how_to_repeat_it(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_bytes((ROOT / "tests" / "conftest.py").read_bytes())
    (tmp_path / "test_it.py").write_text(
        "from hypothesis import given, strategies as st\n\n\n@given(st.integers(0, 10**12))\n"
        "def test_it(n):\n    print('drawn', n)\n    assert n < 10**11\n"
    )

    def drawn(*arguments: str) -> set[str]:
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:schemathesis", *arguments, tmp_path],
            cwd=tmp_path,
            env={**os.environ, "CI": "true", "HWNAS_NO_SKIPS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "@reproduce_failure(" in run.stdout
        return set(re.findall(r"^drawn \d+$", run.stdout, flags=re.MULTILINE))

    assert drawn("--hypothesis-seed=1") == drawn("--hypothesis-seed=1")
    assert drawn() != drawn()
