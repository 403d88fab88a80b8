"""Trained networks of users: what is particular to them among what users upload."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from api.errors import NetworkInUse, UnknownNetwork
from api.networks.schemas import NetworkDocument, NetworkPage
from api.networks.storage import file_name
from api.stored_uploads import StoredUploads, UploadKind
from api.upload_rows import NETWORKS
from api.uploads import Upload

FILE_BYTES: Final = 1 << 20
"""The largest file that a check may write; it needs none."""


class Networks(StoredUploads[NetworkDocument, NetworkPage]):
    """Trained networks of one database and home."""

    kind: ClassVar = UploadKind(
        NETWORKS, NetworkDocument, NetworkPage, UnknownNetwork, NetworkInUse,
        noun="network",
        route="networks",
        operation="create_network",
        use="start from",
        check="api.networks.check",
        too_slow="Give a smaller network, or search with the command line.",
        too_hard="Check the file; it may need more memory or time than a check may use.",
    )  # fmt: skip

    @property
    def folder(self) -> Path:
        """Where they lie, a folder each."""
        return self._settings.networks

    def check_request(self, upload: Upload) -> Mapping[str, Any]:
        """A check writes nothing."""
        return {"file_bytes": FILE_BYTES}

    def place(self, file: Path, name: str) -> None:
        """The file bears the network's name."""
        file.rename(file.with_name(file_name(name)))
