"""The one base of every error that a user can meet, on every floor.

An error says what is wrong and how to fix it, and carries machine-readable facts, so that the command line prints it as one
JSON document and the service as one problem document. Not for programming mistakes: those stay ordinary exceptions.
"""

from collections.abc import Mapping
from typing import ClassVar


class HwnasError(Exception):
    """A failure the user can act on.

    Attributes:
        code: stable snake_case identifier of the kind of failure (class attribute, documented in `docs/reference/errors.md`).
        status: the HTTP status of a service's response (class attribute).
        detail: what is wrong, in one or two sentences.
        fix: what to do about it.
        facts: machine-readable context, JSON values only.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400

    def __init__(self, detail: str, *, fix: str, facts: Mapping[str, object] | None = None) -> None:
        super().__init__(f"{detail} {fix}")
        self.detail = detail
        self.fix = fix
        self.facts: dict[str, object] = dict(facts or {})

    def document(self) -> dict[str, object]:
        """The error as one JSON object: `{"error": {code, detail, fix, ...facts}}` without the outer key."""
        return {"code": self.code, "detail": self.detail, "fix": self.fix, **self.facts}


class InvalidNetwork(HwnasError):
    """A network whose layers do not fit together (shapes, order, names)."""

    code = "invalid_network"


class InvalidSpace(HwnasError):
    """A search space that cannot be built: unknown name, bad declaration, or a stage that cannot fit the resolution."""

    code = "invalid_space"


class InvalidArchitecture(HwnasError):
    """An architecture that is not of the space: a choice missing, unknown, or with a value it does not offer."""

    code = "invalid_architecture"


class UnsupportedSpace(HwnasError):
    """A search space of which a target runs no network at all; `facts` list the unsupported layers with the reasons."""

    code = "unsupported_space"
    status = 422


class UnreadableModel(HwnasError):
    """An ONNX file that cannot be read as a `Network`."""

    code = "unreadable_model"
