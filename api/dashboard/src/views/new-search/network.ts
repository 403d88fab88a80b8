/** An uploaded network in words. */
import type { Schemas } from "../../api/client";
import { percent } from "../../ui/format";

/** What it reads, and what of it a search can shrink. */
export function shrinkable({ classes, channels, side, only_side, prunable_share, frozen }: Schemas["NetworkSummary"]): string {
  const kept = frozen.map(({ layers, reason }) => `${layers} ${layers === 1 ? "layer is" : "layers are"} ${reason}`);
  return [
    `${classes} classes, ${side} × ${side} pixels${only_side ? " only" : ""}, ${channels === 1 ? "grayscale" : "RGB"}.`,
    `${percent(prunable_share, 0)} of its multiply-accumulates are in layers that can shrink.`,
    ...(kept.length === 0 ? [] : [`Of fixed size: ${kept.join(", ")}.`]),
  ].join(" ");
}
