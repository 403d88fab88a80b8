/** A chart as a file: SVG that needs nothing else (colours and fonts resolved), PNG drawn from it, and CSV. */

const COPIED = [
  "fill",
  "fill-opacity",
  "stroke",
  "stroke-width",
  "stroke-opacity",
  "stroke-dasharray",
  "stroke-linejoin",
  "stroke-linecap",
  "opacity",
  "font-family",
  "font-size",
  "font-weight",
  "text-anchor",
  "dominant-baseline",
  "visibility",
  "paint-order",
  "color",
] as const;

const DROPPED = ["class", "style", "tabindex", "id", "aria-activedescendant", "data-chart"];
const SCALE = 2;

/** `under`: markup for what the screen shows on a canvas, drawn beneath all else. */
export function standalone(svg: SVGSVGElement, title: string, under = ""): string {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const from = [svg, ...svg.querySelectorAll("*")];
  const to = [copy, ...copy.querySelectorAll("*")];
  from.forEach((element, index) => {
    const target = to[index];
    if (target === undefined) return;
    const style = getComputedStyle(element);
    for (const name of COPIED) {
      const value = style.getPropertyValue(name);
      if (value !== "") target.setAttribute(name, value);
    }
    for (const name of DROPPED) target.removeAttribute(name);
  });
  for (const part of copy.querySelectorAll("[data-screen]")) part.remove();
  const { width, height } = svg.getBoundingClientRect();
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", String(width));
  copy.setAttribute("height", String(height));
  copy.setAttribute("viewBox", `0 0 ${width} ${height}`);
  copy.setAttribute("role", "img");
  const page = getComputedStyle(document.documentElement).backgroundColor;
  const head = `<title>${escaped(title)}</title><rect width="100%" height="100%" fill="${page}"/>${under}`;
  const text = new XMLSerializer().serializeToString(copy);
  const open = text.indexOf(">") + 1;
  return text.slice(0, open) + head + text.slice(open);
}

/** At twice the size on the screen. */
export async function png(svg: string, width: number, height: number): Promise<Blob> {
  const url = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(width * SCALE);
    canvas.height = Math.round(height * SCALE);
    canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve, reject) => {
      canvas.toBlob((blob) => {
        if (blob === null) reject(new Error("This browser cannot draw the chart as PNG."));
        else resolve(blob);
      }, "image/png");
    });
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** Offers a file to the user. */
export function download(content: Blob, name: string): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** A name for files: `Pareto front, cpu` as `pareto-front-cpu`. */
export function fileName(title: string): string {
  return title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
