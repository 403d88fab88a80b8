"""Unpacks an untrusted zip archive of images: everything is limited before and while bytes are written.

`.npz` archives are checked here and read in place. Not here: what the images and arrays are (`nas.data`).
"""

import contextlib
import re
import stat
import unicodedata
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api.errors import UnsafeArchive
from nas.data.images import SUFFIXES

MAX_RATIO: Final = 100
MAX_DEPTH: Final = 8

_CHUNK: Final = 1 << 20
_UTF8: Final = 0x800
"""The flag of an entry whose name is declared as UTF-8."""
_BAD_NAME: Final = re.compile(r"[:\x00-\x1f\x7f]|^/|//")
_SYSTEM_FILES: Final = re.compile(
    r"(^|/)(__MACOSX|\._[^/]*|\.DS_Store|Icon\r|Thumbs\.db|desktop\.ini)(/|$)", re.IGNORECASE
)
"""What macOS and Windows put beside the files of a folder."""


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """Limits of an archive.

    Attributes:
        entries: files and folders in it.
        unpacked_bytes: all files together, unpacked.
    """

    entries: int
    unpacked_bytes: int


def is_npz(path: Path) -> bool:
    """Whether a zip archive has arrays rather than images.

    Raises:
        UnsafeArchive: it is no zip archive.
    """
    with _open(path) as archive:
        return any(name.endswith(".npy") for name in archive.namelist())


def check_arrays(path: Path, limits: ArchiveLimits) -> None:
    """Checks an `.npz`, which is not unpacked.

    Raises:
        UnsafeArchive: see `ArchiveLimits`; also overlapping entries, or a ratio above 100.
    """
    with _open(path) as archive:
        _check_sizes(archive.infolist(), path.stat().st_size, limits)


def unpack(path: Path, folder: Path, limits: ArchiveLimits) -> Path:
    """Writes the images of an archive under a new folder.

    Files that are no images by their suffix are left out. A single folder around everything is left out. Names are those of
    `entry_name`.

    Returns:
        The folder of the class folders (or of `train`, `val`, `test`).

    Raises:
        UnsafeArchive: see `ArchiveLimits`; also links, encrypted or overlapping entries, names that leave the folder, entries
            larger than they say, a ratio above 100, a damaged archive, or no image at all.
    """
    with _open(path) as archive:
        _check_sizes(archive.infolist(), path.stat().st_size, limits)
        members = _named(archive.infolist())
        folder.mkdir(mode=0o700)
        written = 0
        try:
            for name, member in members.items():
                if not name.endswith("/") and _is_image(name):
                    _write(archive, member, folder / name)
                    written += 1
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise UnsafeArchive(f"The archive is damaged: {error}.", fix="Pack the folder once more.") from error
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise UnsafeArchive("The archive has a name twice.", fix="Pack the folder once more.") from error
    if not written:
        raise UnsafeArchive(
            "The archive has no images.",
            fix=f"Pack a folder of class folders with {', '.join(sorted(SUFFIXES))} files, or upload an .npz.",
        )
    return _root(folder)


def _open(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise UnsafeArchive(
            f"The upload is no readable zip archive: {error}.",
            fix="Upload an .npz, or a .zip of a folder of class folders.",
        ) from error


def _check_sizes(members: list[zipfile.ZipInfo], packed: int, limits: ArchiveLimits) -> None:
    if len(members) > limits.entries:
        raise _rejected(f"it has {len(members)} entries, more than {limits.entries}")
    total = sum(member.file_size for member in members)
    if total > limits.unpacked_bytes:
        raise _rejected(f"it unpacks to {total} bytes, more than {limits.unpacked_bytes}")
    if total > MAX_RATIO * max(packed, 1):
        raise _rejected(f"it unpacks to {total // max(packed, 1)} times its size, more than {MAX_RATIO}")
    if sum(member.compress_size for member in members) > packed:
        raise _rejected("its entries overlap")


def entry_name(member: zipfile.ZipInfo) -> str:
    """An entry's name in Unicode's composed form (NFC).

    macOS writes UTF-8 and does not say so; what is no UTF-8 is in the code page of zip, 437. PowerShell 5 writes backslashes.
    """
    return unicodedata.normalize("NFC", _as_written(member))


def _as_written(member: zipfile.ZipInfo) -> str:
    name = member.filename
    if not member.flag_bits & _UTF8:
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def _named(members: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """The entries by their names, without the files that systems add to folders; folders end with a slash."""
    found: dict[str, zipfile.ZipInfo] = {}
    spellings: dict[str, str] = {}
    for member in members:
        name, raw = entry_name(member), _as_written(member)
        if _SYSTEM_FILES.search(name):
            continue
        _check_member(member, name)
        if not {name.rstrip("/"), name.rstrip("/") + "/"}.isdisjoint(found):
            raise _rejected(f"it has {name[:80]!r} twice")
        for composed, spelt in zip(_folders(name), _folders(raw), strict=True):
            if spellings.setdefault(composed, spelt) != spelt:
                raise _rejected(f"it has {composed[:80]!r} twice, in two spellings of the same letters")
        found[name] = member
    return found


def _folders(name: str) -> list[str]:
    """A name and the folders around it, from the outermost."""
    parts = name.rstrip("/").split("/")
    return ["/".join(parts[: end + 1]) for end in range(len(parts))]


def _check_member(member: zipfile.ZipInfo, name: str) -> None:
    quoted = repr(name[:80])
    parts = name.rstrip("/").split("/")
    if _BAD_NAME.search(name) or ".." in parts or "." in parts or "" in parts:
        raise _rejected(f"its entry {quoted} leaves the folder or has a name that is not portable")
    if len(parts) > MAX_DEPTH or max(len(part.encode()) for part in parts) > 255:
        raise _rejected(f"its entry {quoted} is too deep or its name is too long")
    mode = member.external_attr >> 16
    if mode and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_IFMT(mode) == 0):
        raise _rejected(f"its entry {quoted} is a link or a device")
    if member.flag_bits & 0x1:
        raise _rejected(f"its entry {quoted} is encrypted")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _rejected(f"its entry {quoted} is compressed in a way other than deflate")


def _rejected(why: str) -> UnsafeArchive:
    return UnsafeArchive(
        f"The archive is rejected: {why}.",
        fix="Pack plain image files in class folders with deflate, or save arrays with np.savez.",
    )


def _is_image(name: str) -> bool:
    path = Path(name)
    hidden = any(part.startswith(".") for part in path.parts)
    return not hidden and path.suffix.lower() in SUFFIXES


def _write(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> None:
    """One file, at most as large as the directory of the archive said."""
    path.parent.mkdir(parents=True, exist_ok=True)
    left = member.file_size
    with archive.open(member) as source, path.open("xb") as sink:
        while chunk := source.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise _rejected(f"its entry {member.filename[:80]!r} is larger than it says")
            sink.write(chunk)


def _root(folder: Path) -> Path:
    """Descends into a folder that is alone and contains folders."""
    inside = sorted(folder.iterdir())
    while len(inside) == 1 and inside[0].is_dir() and inside[0].name != "train":
        below = sorted(inside[0].iterdir())
        if not all(path.is_dir() for path in below):
            break
        folder, inside = inside[0], below
    return folder
