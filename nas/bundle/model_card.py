"""The model card of a bundle: the model, its measurements, and how to run it, in plain Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from latency_models.cost_limit import CostLimit
from nas.bundle.class_tables import class_tables, escape
from nas.metric import MetricValue
from nas.result import LatencyOutcome, ModelOutcome, TestOutcome
from nas.spec import metric_title
from search_spaces.cost import macs, params
from search_spaces.network import Network


def model_card(
    *,
    data: str,
    classes: Sequence[str],
    input_spec: Mapping[str, Any],
    network: Network,
    outcome: ModelOutcome,
    receipt: dict[str, Any],
) -> str:
    """The card's text."""
    channels, image_size, _ = network.input_shape
    target, latency, metric, size = receipt["target"], outcome.latency_ms, outcome.metric, outcome.size_bytes
    listed = ", ".join(map(escape, classes[:20])) + (f" and {len(classes) - 20} more" if len(classes) > 20 else "")
    value = latency.simulated if latency.measured is None else latency.measured
    took = f"{value:.4g} ms" if value is not None else "not measured"
    colour = "grey" if channels == 1 else "RGB"
    return f"""# {escape(data)} classifier for {escape(target["id"])}

An INT8 network found and trained by hwnas for {escape(target["device"])}, {escape(target["runtime"])}.

| | value | source |
| --- | --- | --- |
| latency budget, batch 1 | {latency.budget:.4g} ms, compared with {_STATISTICS[latency.budget_on]} | requested |
| verdict | {_verdict(latency)} | {latency.kind} |
| latency, INT8, batch 1 | {took} | {latency.kind} |
| median / 95th percentile | {_ms(latency.measured_p50)} / {_ms(latency.measured_p95)} | {latency.kind} |
| predicted latency | {latency.predicted:.4g} ms ± {latency.predicted_error:.1%} | predicted |
| {metric_title(metric.int8)} INT8, test set | {metric.int8.value:.2%} | measured |
| {metric_title(metric.fp32)} FP32, test set | {metric.fp32.value:.2%} | measured |
{_metrics(outcome.test)}| size INT8 / FP32 | {size.int8:,} / {size.fp32:,} bytes | measured |
| multiply-accumulates, parameters | {macs(network):,}, {params(network):,} | counted |
{_limits(outcome)}
## Run it

```python
import onnxruntime
from classify import pixels
image = pixels("photo.png", channels={channels}, side={image_size})
print(onnxruntime.InferenceSession("model.int8.onnx").run(None, {{"image": image}})[0].argmax())
```

or `python classify.py photo.png`.

- Input `image`: uint8 pixels 0-255, {colour}, NCHW: (batch, {channels}, {image_size}, {image_size}), any batch.
  The scaling by 1/255 is inside;
  there is no mean to subtract.
- {_reading(input_spec, image_size)}
- Output `logits`: float32 (batch, {len(classes)}); the classes in order: {listed}.
- `model.fp32.onnx` is the same network before quantisation, with the same input.

{_classes(outcome.test)}## How it was trained

Architecture `{outcome.architecture_id}`: `{outcome.architecture}`.
{int(outcome.budget.architectures_within):,} of {int(outcome.budget.architectures):,} architectures of the space meet the budget
(reachable when quiet: {outcome.budget.reachable_ms[0]:.4g} to {outcome.budget.reachable_ms[1]:.4g} ms, predicted).
{_training(receipt["training"], metric.int8)}
`receipt.json` has every number with its source, the seeds, the hashes of all inputs, the versions and the latency of each
layer; `architecture.json` the network as data.
"""


def _limits(outcome: ModelOutcome) -> str:
    """A row for each limit on another cost."""
    return "".join(
        f"| limit: {limit} | {one.value:,}, {'met' if one.met else 'exceeded'} | requested, counted |\n"
        for one in outcome.limits
        for limit in [CostLimit(one.cost, one.most)]
    )


def _reading(spec: Mapping[str, Any], image_size: int) -> str:
    """How an image file becomes the model's input."""
    size = spec["size"]
    how = {
        "stretch": f"resized to {size}x{size} without crop, whatever their aspect (`Image.resize`)",
        "crop": f"cut to their middle square and resized to {size}x{size} (`ImageOps.fit`)",
        "pad": f"resized to fit into {size}x{size}, the rest filled with black bars (`ImageOps.pad`)",
    }[spec["fit"]]
    then = f", and from there to {image_size}x{image_size}" if size != image_size else ""
    deep = ""
    if spec["pixel_range"] is not None:
        low, high = spec["pixel_range"]
        deep = f" In images of more than 8 bits a channel, {low:g} to {high:g} become 0 to 255."
    return (
        f"Images are turned by their EXIF orientation, put on white where they are transparent, and {how}{then}, with Pillow's "
        f"plain antialiased bilinear filter.{deep} `pixels` in `classify.py` does all of it."
    )


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g} ms"


_STATISTICS: Final = {"quiet": "the quiet latency", "p50": "the median", "p95": "the 95th percentile"}


def _verdict(latency: LatencyOutcome) -> str:
    if latency.verdict == "met when quiet":
        return f"met when the machine is quiet; the median, {_ms(latency.measured_p50)}, exceeds it"
    return latency.verdict


def _metrics(test: TestOutcome | None) -> str:
    """The metrics besides the one that the search compared networks by."""
    others = () if test is None else test.metrics[1:]
    return "".join(f"| {metric_title(one)} INT8, test set | {one.value:.2%} | measured |\n" for one in others)


def _classes(test: TestOutcome | None) -> str:
    return "" if test is None else f"## Class by class\n\n{class_tables(test)}\n\n"


def _training(training: Mapping[str, Any], metric: MetricValue) -> str:
    """How the weights were trained."""
    seen = f"{training['images_seen']:,} images"
    work, source = training["work"], training["source"]
    if source is not None:
        adapted = f"which was fine-tuned on {work['adapt_images']:,} images"
        if training["supernet"]:
            adapted += f", and a supernet was trained from it on {work['supernet_images']:,} images"
        learned = (
            f"It was cut out of {source['name']} with {source['trained_on']} weights ({source['licence']}, {source['origin']}), "
            f"{adapted}; then it was fine-tuned on {seen}"
        )
    elif training["supernet"]:
        supernet = f"{work['supernet_images']:,} images"
        learned = f"Its weights were initialised from a supernet that saw {supernet}, and fine-tuned on {seen}"
    else:
        learned = f"It was trained from random weights on {seen}, without a supernet"
    int8 = "then retrained in INT8" if training["int8_retrained"] else "quantised after training"
    weighted = "more" if training["class_weights"] == "auto" and metric.name != "accuracy" else "no more than others"
    return (
        f"{learned}, and {int8}. Networks were compared by {metric_title(metric)} on the validation set. Images of rare classes "
        f"weighed {weighted} in training. {_changes(training['augment'])}"
    )


def _changes(augment: Mapping[str, Any]) -> str:
    """The random changes of training images."""
    possible = [
        (augment["shift"] > 0, f"shifts of up to {augment['shift']:.1%} of the image size"),
        (augment["turn_deg"] > 0, f"rotations of up to {augment['turn_deg']:g} degrees"),
        (augment["zoom"] > 0, f"zooms of up to {augment['zoom']:.0%}"),
        (augment["crop"] < 1, f"crops of at least {augment['crop']:.0%} of the area"),
        (augment["colour"] > 0, f"brightness, contrast and saturation by up to {augment['colour']:.0%}"),
        (augment["flip"], "mirroring"),
    ]
    changes = [text for used, text in possible if used]
    if not changes:
        return "Training images were not augmented."
    return f"Augmentation, where a training repeats images several times: {', '.join(changes)}."
