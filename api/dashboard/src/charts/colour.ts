/** Arithmetic of colours for the test of the palette: contrast as WCAG 2.2 defines it, and sight without one kind of cone. */

type Linear = readonly [number, number, number];

/** Relative luminance of a `#rrggbb` colour, 0 to 1 (WCAG 2.2, relative luminance). */
export function luminance(colour: string): number {
  const [red, green, blue] = linear(colour);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Contrast of two colours, 1 to 21. */
export function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

/** Linear RGB after Machado, Oliveira and Fernandes (2009), severity 1.0. */
const MATRICES = {
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
} as const;

export type Sight = "full" | keyof typeof MATRICES;

/** Distance of two colours in CIELAB (CIE76) as seen; about 2 is just noticeable side by side. */
export function difference(one: string, other: string, sight: Sight): number {
  const [a, b] = [lab(seen(linear(one), sight)), lab(seen(linear(other), sight))];
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

function seen(colour: Linear, sight: Sight): Linear {
  if (sight === "full") return colour;
  const [r, g, b] = MATRICES[sight].map((row) => row[0] * colour[0] + row[1] * colour[1] + row[2] * colour[2]);
  return [clamp(r), clamp(g), clamp(b)];
}

function lab([r, g, b]: Linear): Linear {
  const x = root((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047);
  const y = root(0.2126 * r + 0.7152 * g + 0.0722 * b);
  const z = root((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

function root(value: number): number {
  return value > 216 / 24389 ? Math.cbrt(value) : (841 / 108) * value + 4 / 29;
}

function linear(colour: string): Linear {
  const part = (from: number) => {
    const share = Number.parseInt(colour.slice(from, from + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  };
  return [part(1), part(3), part(5)];
}

function clamp(value = 0): number {
  return Math.min(1, Math.max(0, value));
}
