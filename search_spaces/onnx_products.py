"""What ONNX's products of matrices mean as layers: linear layers, attention, recurrent layers.

A linear layer of vectors is a `linear`. Products of larger tensors (tokens, attention) and recurrent layers have no layer of
their own; they keep ONNX's name, with their multiply-accumulates and parameters. Not here: convolutions (`onnx_windows.py`).
"""

from search_spaces.errors import UnreadableModel
from search_spaces.onnx_graph import Node
from search_spaces.onnx_walk import Walk, elements


def linear(walk: Walk, node: Node) -> bool:
    """`Gemm` and `MatMul`."""
    first, second = node.inputs[:2]
    rows, weight = (walk.values[first].shape if first in walk.values else ()), walk.graph.shapes.get(second, ())
    vectors = len(rows) == 2 and walk.is_batch(rows) and len(weight) == 2 and walk.is_constant(second)
    if not vectors or node.attributes.get("transA", 0):
        return _product(walk, node)
    value, shape = walk.read(first, allow="reshape")
    features = elements(shape)
    expected = weight[1] if node.attributes.get("transB", 0) else weight[0]
    if value.shape[1] != features or expected != features:
        raise UnreadableModel(
            f"{node.name!r} ({node.op}) has weights for {expected} features and reads {features}.",
            fix="Give the input size that the model was made for, or export it again.",
        )
    own, own_bias = walk.claim(second), walk.claim(*node.inputs[2:3])
    params = None if own else walk.triple(walk.shape(node))[0] if own_bias else 0
    return walk.append(node, "linear", (value.source,), (shape,), params=params)


def _product(walk: Walk, node: Node) -> bool:
    first = walk.graph.shapes.get(node.inputs[0])
    if not first:
        return False
    inner = first[0] if node.attributes.get("transA", 0) else first[-1]
    return walk.counted(node, elements(walk.shape(node)) * inner, walk.claim(*node.inputs[:3]))


def einsum(walk: Walk, node: Node) -> bool:
    """`Einsum` of two tensors: a product for each combination of the indices that it names."""
    formula = node.attributes.get("equation", b"").decode().replace(" ", "")
    terms = formula.partition("->")[0].split(",")
    shapes = [walk.graph.shapes.get(name) for name in node.inputs]
    if (
        len(terms) != 2
        or "." in formula
        or any(s is None or len(s) != len(t) for s, t in zip(shapes, terms, strict=True))
    ):
        return False
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        for index, size in zip(term, shape or (), strict=True):
            sizes[index] = max(size, sizes.get(index, 1))
    return walk.counted(node, elements(tuple(sizes.values())), walk.claim(*node.inputs))


def recurrent(walk: Walk, node: Node) -> bool:
    """`LSTM`, `GRU`, `RNN`: each weight once a step."""
    x, *weights = (walk.graph.shapes.get(name) for name in node.inputs[:3])
    if x is None or len(x) != 3 or any(shape is None for shape in weights):
        return False
    steps = x[0] * x[1]
    macs = steps * sum(elements(shape) for shape in weights if shape is not None)
    return walk.counted(node, macs, walk.claim(*node.inputs[1:4]))


def attention(walk: Walk, node: Node) -> bool:
    """`Attention` of queries, keys and values: queries times keys, and the result times values."""
    query, key, value = (walk.graph.shapes.get(name) for name in node.inputs[:3])
    if query is None or key is None or value is None or any(node.inputs[4:]):
        return False
    if len(query) == len(key) == len(value) == 4:
        batch, heads, length, width = query
        macs = batch * heads * length * key[2] * (width + value[3])
    elif len(query) == len(key) == len(value) == 3:
        shared = int(node.attributes["q_num_heads"]) // int(node.attributes["kv_num_heads"])
        macs = query[0] * query[1] * key[1] * (query[2] + value[2] * shared)
    else:
        return False
    return walk.counted(node, macs, 0)
