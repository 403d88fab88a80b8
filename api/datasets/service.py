"""Data sets: what is particular to them among what users upload."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from api.datasets.schemas import DatasetDocument, DatasetPage
from api.errors import DatasetInUse, UnknownDataset
from api.stored_uploads import StoredUploads, UploadKind
from api.upload_rows import DATASETS
from api.uploads import Upload


class Datasets(StoredUploads[DatasetDocument, DatasetPage]):
    """Data sets of one database and home."""

    kind: ClassVar = UploadKind(
        DATASETS, DatasetDocument, DatasetPage, UnknownDataset, DatasetInUse,
        noun="data set",
        route="datasets",
        operation="create_dataset",
        use="read",
        check="api.datasets.check",
        too_slow="Give fewer or smaller images, or search them with the command line.",
        too_hard="Check the archive; it may need more memory or time than a check may use.",
    )  # fmt: skip

    @property
    def folder(self) -> Path:
        """Where they lie, a folder each."""
        return self._settings.datasets

    def check_request(self, upload: Upload) -> Mapping[str, Any]:
        """Where the archive is unpacked, and what it may have."""
        settings = self._settings
        return {
            "folder": str(upload.folder),
            "file_bytes": settings.max_unpacked_bytes,
            "limits": {"entries": settings.max_upload_entries, "unpacked_bytes": settings.max_unpacked_bytes},
        }

    def columns(self, summary: dict[str, Any]) -> dict[str, Any]:
        """The format has a column of its own."""
        return {"format": summary["format"], "summary": {k: v for k, v in summary.items() if k != "format"}}
