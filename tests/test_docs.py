"""The documentation matches the code, its links are valid, and its commands and programs work."""

import re
import shlex
import shutil
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs import generate, run_commands, scratch
from docs.code_blocks import blocks, without_blocks
from docs.reader import least, needs_nothing, run_page
from docs.recorded import example
from nas.batch.spec import BatchSpec
from nas.spec import SearchSpec
from search_spaces.declarative import SpaceSpec

ROOT = Path(__file__).parents[1]
LEAST = ROOT / "tests" / "least_work"
PAGES = [ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *generate.PAGES]


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _with(language: str) -> list[Path]:
    return [page for page in PAGES if any(block.language == language for block in blocks(page))]


@pytest.fixture(scope="module")
def cache() -> dict[str, str]:
    return {}


# --- Parts that come from the code


@pytest.mark.parametrize("page", generate.PAGES, ids=_name)
def test_generated_parts_are_up_to_date(page: Path, cache: dict[str, str]) -> None:
    text = page.read_text()
    assert text.count("<!-- generated:") == text.count("<!-- end -->") == len(generate.GENERATED.findall(text))
    assert generate.regenerated(text, cache) == text, "run python -m docs.generate"


def test_every_generated_part_is_on_a_page() -> None:
    shown = {match["name"] for page in generate.PAGES for match in generate.GENERATED.finditer(page.read_text())}
    assert shown == set(generate.GENERATORS)


def test_every_error_class_has_its_row() -> None:
    text = (ROOT / "docs" / "reference" / "errors.md").read_text()
    codes = [str(vars(error)["code"]) for _, error in generate.error_classes()]
    assert len(codes) > 30
    assert [code for code in codes if f"| `{code}` |" not in text] == []


def test_every_option_has_its_row() -> None:
    text = (ROOT / "docs" / "reference" / "cli.md").read_text()
    for name, command in generate.commands():
        section = text.partition(f"### hwnas {name}\n")[2].partition("### ")[0]
        assert [
            o for o in (o for p in command.params for o in p.opts) if o.startswith("-") and f"`{o}`" not in section
        ] == []


def test_the_receipt_page_names_every_field_of_the_recorded_receipt() -> None:
    receipt = example("receipt")
    if receipt is None:
        return
    text = (ROOT / "docs" / "reference" / "bundle.md").read_text()
    assert [field for field in receipt if f"`{field}`" not in text] == []


def test_every_benchmark_is_on_its_page() -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text()
    modules = [path for path in (ROOT / "benchmarks").glob("*.py") if "def main(" in path.read_text()]
    assert modules != []
    assert [path.stem for path in modules if f"| `{path.stem}` |" not in text] == []


# --- Links


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", without_blocks(page.read_text())):
        place, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = (page.parent / place).resolve() if place else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    assert broken == []


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", without_blocks(page.read_text()), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    pending = [ROOT / "README.md"]
    while pending:
        page = pending.pop()
        seen.add(page)
        found = re.findall(r"\]\(([^)\s#]+\.md)", page.read_text())
        pending += [p for link in found if "://" not in link and (p := (page.parent / link).resolve()) not in seen]
    assert {_name(page) for page in generate.PAGES} - {_name(page) for page in seen} == set()


# --- Commands and programs work


HERE = [page for page in generate.PAGES if any(map(needs_nothing, run_commands.pieces_of(page)))]
"""Pages with commands that run without a service or the checkout; the other commands are recorded."""


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared folder after searches on the digits and the photographs with the least work."""
    folder = tmp_path_factory.mktemp("searched")
    scratch.prepare(folder)
    for ran in run_page(
        ROOT / "README.md", folder, selected=lambda piece: piece.startswith("hwnas search"), first=[LEAST]
    ):
        assert ran.exit_code == 0, (folder / "commands.log").read_text()[-4000:]
    return folder


@pytest.mark.parametrize("page", HERE, ids=_name)
def test_commands_and_programs_run(page: Path, searched: Path, tmp_path: Path) -> None:
    """In the order of the page, as a reader would run them, with the least work and small data."""
    folder = tmp_path / "scratch"
    shutil.copytree(searched, folder)
    for ran in run_page(page, folder, selected=needs_nothing, first=[LEAST]):
        assert ran.exit_code == 0, f"{ran.ran}\n{(folder / 'commands.log').read_text()[-4000:]}"


@pytest.mark.parametrize("page", generate.PAGES, ids=_name)
def test_every_command_is_recorded_as_run(page: Path) -> None:
    record = run_commands.recorded()
    assert run_commands.missing(page, record) == [], "run `make docs-commands`"


def test_the_record_has_only_commands_of_the_pages() -> None:
    assert run_commands.stale(run_commands.recorded()) == []


def test_programs_compile() -> None:
    for page in PAGES:
        for block in blocks(page):
            if block.language == "python":
                compile(block.text, f"{_name(page)}: {block.text[:40]!r}", "exec")


def test_blocks_are_split_into_commands_by_their_language(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```text\nphotos/  cat/ 1.jpg\n```\n<!-- file: a.py -->\n```python\na = 1\n```\n```python\nb = 2\nc = 3\n```\n"
        "```\nA=1 hwnas targets   # the machine's\n\ncurl \\\n  -d '{\n  \"b\": 2}' x\n```\n```yaml\nd: 4\n```\n"
    )
    tree, file, program, commands, data = blocks(page)
    assert tree.runs == file.runs == data.runs == () and file.file == "a.py"
    assert program.runs == ("b = 2\nc = 3\n",)
    assert commands.runs == ("A=1 hwnas targets   # the machine's", "curl \\\n  -d '{\n  \"b\": 2}' x")


def test_commands_share_their_environment_and_failures_are_recorded(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    text = "```\nexport A=1\ncd sub\ntest $A = 1 && test ${PWD##*/} = sub\n```\n```python\nb = 2\n```\n"
    text += "```python\nassert b == 2\n```\n```\ntest -d sub && test $A = 2\n```\n```python\nraise SystemExit\n```\n"
    page.write_text(text)
    (tmp_path / "sub").mkdir()
    assert [ran.exit_code for ran in run_page(page, tmp_path)] == [0, 0, 0, 0, 0, 1, 1]


def test_searches_are_run_with_the_least_work() -> None:
    assert least("hwnas search --data photos/ --minutes 60  # an hour") == (
        "hwnas search --data photos/ --minutes 5 --effort quick  # an hour"
    )
    assert least("hwnas search --data digits --effort quick") == "hwnas search --data digits --effort quick"
    assert least('client.search(data="digits")') == 'client.search(data="digits", effort="quick")'


@pytest.mark.parametrize("page", _with("yaml"), ids=_name)
def test_yaml_is_valid(page: Path) -> None:
    for block in blocks(page):
        if block.language != "yaml":
            continue
        document = yaml.safe_load(block.text)
        if "budgets" in document:
            assert BatchSpec.model_validate(document).cells()
            continue
        if "targets" in document:
            spec = SearchSpec.model_validate(document)
            document = spec.space if isinstance(spec.space, dict) else None
        if document is not None:
            built = SpaceSpec.parse(document).build(resolution=8, channels=1, classes=10)
            assert built.network(built.largest()).layers


@pytest.mark.parametrize("resolution", [8, 28])
def test_spaces_can_be_enumerated(resolution: int, tmp_path: Path) -> None:
    from search_spaces.lattice import Lattice
    from search_spaces.registry import space

    page = ROOT / "docs" / "tutorials" / "own-space.md"
    files = [block for block in blocks(page) if block.file and not block.file.startswith("test_")]
    assert len(files) == 3
    for block in files:
        (tmp_path / block.file).write_text(block.text)
        built = space(str(tmp_path / block.file), resolution=resolution, channels=1, classes=10)
        assert Lattice.of(built).size > 1
        assert built.network(built.smallest()).id != built.network(built.largest()).id


def _commands() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for block in blocks(page):
            if block.language in ("", "console", "sh"):
                for line in block.text.replace("\\\n", " ").splitlines():
                    yield _name(page), line.strip()


HWNAS = sorted({(page, line) for page, line in _commands() if re.match(r"(\.venv/bin/)?hwnas [a-z]", line)})


@pytest.mark.parametrize(("page", "line"), HWNAS, ids=[f"{page}: {line}" for page, line in HWNAS])
def test_commands_have_valid_options(page: str, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    known: dict[str, Any] = dict(generate.commands())
    name = next(" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in known)
    known[name].make_context(name, words[len(name.split()) :])


def test_posted_jobs_are_valid() -> None:
    from api.jobs.schemas import JobCreate

    posted = [
        body
        for page in PAGES
        for block in blocks(page)
        for body in re.findall(r"/v1/jobs .*?-d '(\{.*?\})'", block.text, flags=re.DOTALL)
    ]
    assert len(posted) >= 2
    for body in posted:
        JobCreate.model_validate_json(body)


def test_make_targets_and_benchmarks_exist() -> None:
    lines = [line for _, line in _commands()]
    makefile = (ROOT / "Makefile").read_text()
    wanted = {m[1] for line in lines if (m := re.match(r"make ([a-z]+)", line))}
    assert {name for name in wanted if not re.search(rf"^{name}:", makefile, flags=re.MULTILINE)} == set()
    modules = {
        m[1]
        for line in lines
        if (m := re.search(r"-m ([a-z_.]+)", line)) and m[1].split(".")[0] in ("benchmarks", "docs")
    }
    assert {name for name in modules if not (ROOT / f"{name.replace('.', '/')}.py").exists()} == set()


def test_the_target_can_be_profiled_and_estimated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hw_targets import registry
    from nas import pipeline
    from nas.estimate import estimate
    from search_spaces.registry import space

    page = ROOT / "docs" / "tutorials" / "own-device.md"
    (block,) = (b for b in blocks(page) if b.file == "my_package/roofline.py")
    (entries,) = (b for b in blocks(page) if b.language == "toml")
    (tmp_path / "my_package").mkdir()
    (tmp_path / block.file).write_text(block.text)
    monkeypatch.syspath_prepend(tmp_path)
    found = re.search(r'entry-points\."(.*)"\]\n(\w+) = "(.*)"', entries.text)
    assert found is not None
    point = EntryPoint(name=found[2], value=found[3], group=found[1])
    monkeypatch.setattr(registry, "entry_points", lambda *, group: [point] if group == point.group else [])

    assert "roofline" in [entry.name for entry in registry.targets()]
    profiled = pipeline.profile(
        "roofline", "resnet", resolution=8, channels=1, classes=10, effort="quick", out=tmp_path
    )
    assert profiled.accuracy_report.mape < 0.01
    assert profiled.reachable_ms[0] < profiled.reachable_ms[1]
    small = space("resnet", resolution=8, channels=1, classes=10)
    network = small.network(small.smallest())
    measured = estimate(network, registry.target("roofline"))
    assert measured.kind == "simulated"
    assert measured.latency_ms == pytest.approx(sum(layer.latency_ms or 0 for layer in measured.layers))
