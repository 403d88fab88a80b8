"""Values of small tensors of an ONNX file, including those in another file next to it.

A file that came as bytes (an upload) opens no other file. Not here: which values are needed (`onnx_shapes.py`).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from search_spaces.errors import UnreadableModel

if TYPE_CHECKING:
    import onnx


def read_tensor(tensor: "onnx.TensorProto", folder: Path | None) -> NDArray[Any] | str:
    """The value of a tensor, or the reason why it is not known.

    Args:
        tensor: of bounded size; no more bytes than its shape needs are read.
        folder: where its external data may lie; None opens no other file.

    Raises:
        UnreadableModel: it is damaged.
    """
    from onnx import TensorProto, numpy_helper

    if tensor.data_location == TensorProto.EXTERNAL:
        return _read_external(tensor, folder)
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise UnreadableModel(
            f"Tensor {tensor.name!r} is damaged: {error}.", fix="Export the model to ONNX again."
        ) from error


def _read_external(tensor: "onnx.TensorProto", folder: Path | None) -> NDArray[Any] | str:
    from onnx import TensorProto, external_data_helper, helper, numpy_helper
    from onnx.checker import ValidationError

    location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
    external = f"tensor {tensor.name!r} is stored in another file ({location!r})"
    if folder is None:
        return f"{external}, which does not come with the bytes of the model"
    inside = TensorProto()
    inside.CopyFrom(tensor)
    del inside.external_data[:]
    for entry in tensor.external_data:
        if entry.key in ("location", "offset"):
            inside.external_data.add(key=entry.key, value=entry.value)
    try:
        item = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type)).itemsize
        size = item * int(np.prod(tensor.dims, dtype=object))
        inside.external_data.add(key="length", value=str(size))
        external_data_helper.load_external_data_for_tensor(inside, str(folder))
        return numpy_helper.to_array(inside)
    except (OSError, ValueError, TypeError, KeyError, ValidationError) as error:
        return f"{external}, which cannot be read: {error}"
