/** Starting points for a form. */
import { DEFAULT, type Form, ROW } from "./form";

export interface Preset {
  name: string;
  about: string;
  change: Partial<Form>;
}

export const PRESETS: readonly Preset[] = [
  {
    name: "Try it",
    about: "digits on this processor, about 5 minutes",
    change: { data: "digits", targets: [ROW], space: DEFAULT.space, declared: null, effort: "quick", minutes: "" },
  },
  { name: "Standard", about: "the default, about 45 minutes", change: { effort: "standard", minutes: "" } },
  { name: "Overnight", about: "ten hours", change: { effort: "thorough", minutes: "600" } },
  {
    name: "Alveo overlay",
    about: "ResNet blocks on a simulated U250",
    change: {
      targets: [{ ...ROW, id: "alveo-u250" }],
      space: { id: "resnet", options: {} },
      declared: null,
    },
  },
];

export function withPreset(form: Form, preset: Preset): Form {
  return { ...form, ...preset.change, kind: "search" };
}
