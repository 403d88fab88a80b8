"""hwnas: the most accurate INT8 network that meets a latency budget on the hardware you own (floor 4, the engine).

`from nas import search, export, SearchSpec` is the whole Python interface, with `nas.batch` for many searches; heavy libraries
load when a search runs.
"""

import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nas.pipeline import export as export
    from nas.pipeline import search as search
    from nas.result import ExportResult as ExportResult
    from nas.result import SearchResult as SearchResult
    from nas.spec import SearchSpec as SearchSpec

os.environ.setdefault("GOMP_SPINCOUNT", "10000")
"""Torch's threads spin for long by default when they wait for each other, which slows training tenfold on a busy machine."""

__all__ = ["ExportResult", "SearchResult", "SearchSpec", "export", "search"]

_HOMES = {
    "search": "nas.pipeline", "export": "nas.pipeline", "SearchResult": "nas.result", "ExportResult": "nas.result",
    "SearchSpec": "nas.spec",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "batch":
        return import_module("nas.batch")
    if name not in _HOMES:
        raise AttributeError(f"module 'nas' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


class _Package(ModuleType):
    """`nas.search` is the function, also after an import of the package `nas/search/`, which Python would put in its place."""

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _HOMES or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
