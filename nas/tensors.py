"""Named tensors to bytes and back: one safetensors document with a JSON note, for weights and checkpoints. Never a pickle.

Not for the lowered model files (`hw_targets.lowering`) nor for where bytes are kept (the store).
"""

import json
from collections.abc import Mapping

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from nas.errors import StoreCorrupt

Tensors = dict[str, Tensor]
"""Tensors by name; parameters are named `<layer>.<role>`."""


def pack(tensors: Mapping[str, Tensor], note: Mapping[str, object]) -> bytes:
    """Tensors and a JSON note as one blob. Equal contents give equal bytes."""
    plain = {name: tensors[name].detach().cpu().contiguous() for name in sorted(tensors)}
    return safetensors.torch.save(plain, metadata={"note": json.dumps(note, sort_keys=True)})


def unpack(blob: bytes) -> tuple[Tensors, dict[str, object]]:
    """The inverse of `pack`.

    Raises:
        StoreCorrupt: the bytes are no such blob.
    """
    try:
        length = int.from_bytes(blob[:8], "little")
        note = json.loads(json.loads(blob[8 : 8 + length])["__metadata__"]["note"])
        return safetensors.torch.load(blob), note
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise StoreCorrupt(
            f"Not a blob of tensors: {error}.", fix="Remove it; it is computed again when next needed."
        ) from error
