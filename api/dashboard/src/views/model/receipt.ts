/** What this page reads of a bundle's `receipt.json`. What is absent or has another type is left out. */
import * as v from "valibot";

const texts = v.optional(v.record(v.string(), v.union([v.string(), v.number()])), {});

const Receipt = v.object({
  created: v.optional(v.string(), ""),
  target: v.optional(v.partial(v.object({ id: v.string(), device: v.string(), runtime: v.string(), fingerprint: v.string() })), {}),
  quantisation: v.optional(v.partial(v.object({ scheme: v.string() })), {}),
  training_threads: v.optional(v.nullable(v.number()), null),
  seeds: texts,
  hashes: texts,
  versions: texts,
  warnings: v.optional(v.array(v.string()), []),
});

export type Receipt = v.InferOutput<typeof Receipt>;

/** Null for what is no receipt. */
export function readReceipt(value: unknown): Receipt | null {
  const found = v.safeParse(Receipt, value);
  return found.success ? found.output : null;
}
