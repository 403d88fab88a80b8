"""The model card of a bundle: what the model is, what was measured, and how to run it, in plain Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from nas.result import ModelOutcome
from search_spaces.cost import macs, params
from search_spaces.network import Network


def card(
    *,
    data: str,
    classes: Sequence[str],
    input_spec: Mapping[str, Any],
    network: Network,
    outcome: ModelOutcome,
    receipt: dict[str, Any],
) -> str:
    """The card's text."""
    channels, side, _ = network.input_shape
    target, latency, accuracy, size = receipt["target"], outcome.latency_ms, outcome.accuracy, outcome.size_bytes
    shown = ", ".join(map(escape, classes[:20])) + (f" and {len(classes) - 20} more" if len(classes) > 20 else "")
    value = latency.simulated if latency.measured is None else latency.measured
    took = f"{value:.4g} ms" if value is not None else "not measured"
    colour = "grey" if channels == 1 else "RGB"
    return f"""# {escape(data)} classifier for {escape(target["id"])}

An INT8 network found and trained by hwnas for {escape(target["device"])}, {escape(target["runtime"])}.

| | value | kind |
| --- | --- | --- |
| latency budget, batch 1 | {latency.budget:.4g} ms | asked for |
| latency, INT8, batch 1 | {took} | {latency.kind} |
| median / 95th percentile | {_ms(latency.measured_p50)} / {_ms(latency.measured_p95)} | {latency.kind} |
| predicted before | {latency.predicted:.4g} ms ± {latency.predicted_error:.1%} | predicted |
| accuracy INT8, test part | {accuracy.int8:.2%} | measured |
| accuracy FP32, test part | {accuracy.fp32:.2%} | measured |
| size INT8 / FP32 | {size.int8:,} / {size.fp32:,} bytes | measured |
| multiply-accumulates, parameters | {macs(network):,}, {params(network):,} | counted |

## Run it

```python
import onnxruntime
from classify import pixels
image = pixels("photo.png", channels={channels}, side={side})
print(onnxruntime.InferenceSession("model.int8.onnx").run(None, {{"image": image}})[0].argmax())
```

or `python classify.py photo.png`.

- Input `image`: uint8 pixels 0-255, {colour}, NCHW: (batch, {channels}, {side}, {side}), any batch. The scaling by 1/255 is inside;
  there is no mean to subtract.
- {_reading(input_spec, side)}
- Output `logits`: float32 (batch, {len(classes)}); the classes in order: {shown}.
- `model.fp32.onnx` is the same network before quantisation, with the same input.

## How it came about

Architecture `{outcome.architecture_id}`: `{outcome.architecture}`.
{int(outcome.budget.architectures_within):,} of {int(outcome.budget.architectures):,} architectures of the space keep the budget
(reachable: {outcome.budget.reachable_ms[0]:.4g} to {outcome.budget.reachable_ms[1]:.4g} ms, predicted).
`receipt.json` holds every number with its kind, the seeds, the hashes of all inputs, the versions and the latency of each
layer; `architecture.json` the network as data.
"""


def _reading(spec: Mapping[str, Any], side: int) -> str:
    """How an image file becomes the model's input."""
    size = spec["size"]
    how = {
        "stretch": f"resized to {size}x{size} without crop, whatever their aspect (`Image.resize`)",
        "crop": f"cut to their middle square and resized to {size}x{size} (`ImageOps.fit`)",
        "pad": f"resized to fit into {size}x{size}, the rest filled with black bars (`ImageOps.pad`)",
    }[spec["fit"]]
    then = f", and from there to {side}x{side}" if size != side else ""
    deep = ""
    if spec["pixel_range"] is not None:
        low, high = spec["pixel_range"]
        deep = f" In images of more than 8 bits a channel, {low:g} to {high:g} become 0 to 255."
    return (
        f"Images are turned by their EXIF orientation, put on white where they are transparent, and {how}{then}, with Pillow's "
        f"plain antialiased bilinear filter.{deep} `pixels` in `classify.py` does all of it."
    )


def escape(text: str) -> str:
    """Text that Markdown shows as it is."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>()#+!|~" else c for c in " ".join(text.split()))


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g} ms"
