"""Data sets: sources read, checked, split and batched. `batches` alone needs torch, so it is not imported here."""

from nas.data.dataset import DataSet, Split, load, source_fingerprint

__all__ = ["DataSet", "Split", "load", "source_fingerprint"]
