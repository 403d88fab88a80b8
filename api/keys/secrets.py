"""Secrets of keys and sessions: how they are made and verified, and the pepper under which they are stored.

A key reads `nas_<id>_<random><checksum>`; the checksum distinguishes a mistyped key from a revoked one without the database.
Stored is an HMAC-SHA-256 with a pepper that lies in a file of its own, so that a copy of the database opens nothing.
"""

import hashlib
import hmac
import os
import re
import secrets
import zlib
from pathlib import Path
from typing import Final

from api.errors import UnusablePepper
from api.ids import ALPHABET, ID_BODY

_RANDOM: Final = 32
_LEAST_BYTES: Final = 16
_KEY: Final = re.compile(rf"(nas_({ID_BODY})_[0-9a-z]{{{_RANDOM}}})([0-9a-f]{{8}})")

KEY_PATTERN: Final = re.compile(r"nas_[0-9a-z]{26}_[0-9a-z]{8,40}")
"""What looks like a key in a text; logs redact it."""


def new_key(key_id: str) -> str:
    """A fresh secret (160 random bits) for the key `key_<id>`."""
    body = f"nas_{key_id.removeprefix('key_')}_" + "".join(secrets.choice(ALPHABET) for _ in range(_RANDOM))
    return body + _checksum(body)


def key_id_of(secret: str) -> str | None:
    """The id of the key that a secret claims to be; None of what cannot be a key."""
    match = _KEY.fullmatch(secret)
    if match is None or match[3] != _checksum(match[1]):
        return None
    return f"key_{match[2]}"


def new_session() -> str:
    """A fresh secret for a cookie."""
    return secrets.token_urlsafe(32)


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"


def _read(path: Path) -> bytes:
    value = bytes.fromhex(path.read_text(encoding="ascii"))
    if len(value) < _LEAST_BYTES:
        raise ValueError
    return value


def _reason(error: OSError | ValueError) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else "it has other content"


class Pepper:
    """The secret that is mixed into every stored digest."""

    def __init__(self, value: bytes) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "Pepper(...)"

    @staticmethod
    def load(path: Path, *, create: bool) -> "Pepper":
        """Reads the pepper. With `create`, creates a missing one, readable by this user alone.

        Raises:
            UnusablePepper: the file is missing though keys were mixed with it, or has no pepper.
        """
        try:
            return Pepper(_read(path))
        except (OSError, ValueError) as error:
            if not (create and isinstance(error, FileNotFoundError)):
                raise UnusablePepper(
                    f"The secret that all keys were mixed with cannot be read from {path}: {_reason(error)}.",
                    fix="Name its file with --pepper-file, or restore it from the backup. If it is lost, all keys are: write 64 "
                    "random hexadecimal digits into it, and make new keys with hwnas keys create.",
                    facts={"pepper_file": str(path)},
                ) from error
            temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_hex(32))
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(temporary, path)  # of several processes one wins
            except FileExistsError:
                pass
            finally:
                temporary.unlink()
            return Pepper.load(path, create=create)

    def digest(self, purpose: str, text: str) -> str:
        """What is stored of a secret, or signed, for one purpose."""
        return hmac.new(self._value, f"{purpose}\n{text}".encode(), hashlib.sha256).hexdigest()

    def verify(self, purpose: str, text: str, digest: str) -> bool:
        """Whether a stored digest is that of a secret, in constant time."""
        return hmac.compare_digest(self.digest(purpose, text), digest)
