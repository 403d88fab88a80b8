/** How a model is used, in few lines that run as they stand beside the files of its bundle. */

export interface Input {
  channels: number;
  side: number;
}

/** From the bundle's `architecture.json`; null when it does not have the expected form. */
export function inputOf(architecture: unknown): Input | null {
  const shape = (architecture as { network?: { input_shape?: unknown } } | null)?.network?.input_shape;
  if (!Array.isArray(shape)) return null;
  const [channels, side] = shape as unknown[];
  return typeof channels === "number" && typeof side === "number" ? { channels, side } : null;
}

/** `pixels` of the bundle's `classify.py` gives uint8 pixels (1, channels, side, side); the scaling is inside the model. */
export function usage({ channels, side }: Input): string {
  return [
    "from onnxruntime import InferenceSession",
    "from classify import pixels",
    `image = pixels("photo.png", channels=${channels}, side=${side})`,
    'logits = InferenceSession("model.int8.onnx").run(None, {"image": image})[0]',
    "print(logits.argmax())",
    "",
  ].join("\n");
}
