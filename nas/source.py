"""A trained network that a job starts from, as far as plans, keys and receipts know it.

Not here: published networks (`pretrained.py`), a user's own (`own_source.py`), and how one of either becomes a supernet's
weights (`stages/read_source.py`).
"""

from typing import Protocol


class Source(Protocol):
    """A network with trained weights; a value that can be sent to another process."""

    @property
    def name(self) -> str:
        """For receipts and reports."""

    @property
    def space(self) -> str:
        """The space around it, as `search_spaces.registry.space` takes it; its largest network is the source."""

    @property
    def sha256(self) -> str:
        """Of the file with its weights."""

    @property
    def trained_on(self) -> str:
        """The data of the weights."""

    @property
    def licence(self) -> str:
        """Of the weights, an SPDX identifier where it is known."""

    @property
    def origin(self) -> str:
        """Who made them, for receipts and model cards."""

    @property
    def side(self) -> int | None:
        """The input side in pixels that it is to be used at; None where any will do."""
