/** The usage of a model, in a few lines that run beside the files of its bundle. */

export interface Input {
  channels: number;
  /** Height and width in pixels. */
  size: number;
}

/** From the bundle's `architecture.json`; null when it does not have the expected fields. */
export function inputOf(architecture: unknown): Input | null {
  const shape = (architecture as { network?: { input_shape?: unknown } } | null)?.network?.input_shape;
  if (!Array.isArray(shape)) return null;
  const [channels, size] = shape as unknown[];
  return typeof channels === "number" && typeof size === "number" ? { channels, size } : null;
}

/** `pixels` of the bundle's `classify.py` gives uint8 pixels (1, channels, size, size); the model scales them itself. */
export function usage({ channels, size }: Input): string {
  return [
    "from onnxruntime import InferenceSession",
    "from classify import pixels",
    `image = pixels("photo.png", channels=${channels}, side=${size})`,
    'logits = InferenceSession("model.int8.onnx").run(None, {"image": image})[0]',
    "print(logits.argmax())",
    "",
  ].join("\n");
}
