"""Names in archives as the systems that pack them write them: one form of the letters, one separator, no litter."""

import io
import unicodedata
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from api.datasets.archive import ArchiveLimits, unpack
from api.datasets.check import check
from api.errors import UnsafeArchive

BOUNDS = ArchiveLimits(entries=1000, unpacked_bytes=10**7)
COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


class Raw(zipfile.ZipInfo):
    """An entry whose name is written in an encoding without a word of it, or with the flag of UTF-8."""

    encoding = "utf-8"
    flagged = False

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - zipfile's own name
        return self.filename.encode(self.encoding), self.flag_bits | (0x800 if self.flagged else 0)


def entry(name: str, encoding: str = "utf-8", *, flagged: bool = False) -> Raw:
    """An entry of a name."""
    made = Raw("x")
    made.filename = made.orig_filename = name
    made.encoding, made.flagged = encoding, flagged
    return made


def packed(path: Path, *entries: zipfile.ZipInfo) -> Path:
    """An archive whose every entry is an image, but for folders."""
    stream = io.BytesIO()
    Image.new("L", (8, 8)).save(stream, "PNG")
    with zipfile.ZipFile(path, "w") as made:
        for one in entries:
            made.writestr(one, b"" if one.filename.endswith(("/", "\\")) else stream.getvalue())
    return path


def unpacked(tmp_path: Path, *entries: zipfile.ZipInfo) -> list[str]:
    """The files that such an archive leaves, relative to where they were unpacked."""
    place = tmp_path / "out"
    unpack(packed(tmp_path / "upload.zip", *entries), place, BOUNDS)
    return sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    "written",
    [
        entry(f"{COMPOSED}/0.png"),  # macOS' Archive Utility, some versions of it
        entry(f"{DECOMPOSED}/0.png"),  # macOS' file system
        entry(f"{DECOMPOSED}/0.png", flagged=True),
        entry(f"{COMPOSED}/0.png", flagged=True),
        entry(f"{COMPOSED}/0.png", "cp437"),  # Windows' own zip, west of the Oder
    ],
    ids=["unflagged", "unflagged decomposed", "decomposed", "composed", "code page"],
)
def test_a_name_is_one_text_whoever_wrote_it(tmp_path: Path, written: zipfile.ZipInfo) -> None:
    assert unpacked(tmp_path, written) == [f"{COMPOSED}/0.png"]


@pytest.mark.parametrize("name", ["\u732b", "\u043a\u043e\u0442", "gr\u00fc\u00df", "\U0001f431"])
def test_unflagged_names_of_any_script(tmp_path: Path, name: str) -> None:
    assert unpacked(tmp_path, entry(f"{name}/0.png")) == [f"{name}/0.png"]


def test_classes_are_in_composed_form(tmp_path: Path) -> None:
    names = [f"{folder}/{n}.png" for folder in (DECOMPOSED, "the\u0301") for n in range(10)]
    upload = packed(tmp_path / "upload.zip", *(entry(name) for name in names))
    assert check(upload, tmp_path, BOUNDS)["classes"] == [COMPOSED, "th\u00e9"]


def test_backslashes_are_separators(tmp_path: Path) -> None:
    """As Compress-Archive of Windows PowerShell 5 writes them."""
    entries = [entry("images\\"), entry("images\\cat\\0.png"), entry("images\\dog\\0.png")]
    assert unpacked(tmp_path, *entries) == ["images/cat/0.png", "images/dog/0.png"]


@pytest.mark.parametrize(
    "name",
    [
        "..\\evil.png",
        "cat\\..\\..\\evil.png",
        "\\evil.png",
        "C:\\evil.png",
        "cat/..\\../evil.png",
        "\\\\host\\share\\evil.png",
        ".",
    ],
)
def test_no_backslash_leads_out(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnsafeArchive, match="leaves the folder"):
        unpacked(tmp_path, entry("cat/0.png"), entry(name))
    assert not list(tmp_path.rglob("evil.png"))


def test_what_systems_put_beside_files_is_passed_over(tmp_path: Path) -> None:
    litter = [
        "__MACOSX/cat/._0.png",
        "__MACOSX\\cat\\0.png",
        ".DS_Store",
        "cat/.DS_Store",
        "cat/._0.png",
        "cat/Icon\r",
        "cat/Thumbs.db",
    ]
    assert unpacked(tmp_path, entry("cat/0.png"), *map(entry, litter)) == ["cat/0.png"]


@pytest.mark.parametrize(
    "names",
    [
        (f"{COMPOSED}/0.png", f"{DECOMPOSED}/0.png"),
        (f"{COMPOSED}/0.png", f"{DECOMPOSED}/1.png"),
        ("cat/0.png", "cat\\0.png"),
        (f"cat/{COMPOSED}.png", f"cat/{DECOMPOSED}.png"),
    ],
)
def test_two_names_that_are_one_are_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    assert len({unicodedata.normalize("NFC", name.replace("\\", "/").split("/")[0]) for name in names}) == 1
    with pytest.raises(UnsafeArchive, match="twice"):
        unpacked(tmp_path, *(entry(name, flagged=True) for name in names))
