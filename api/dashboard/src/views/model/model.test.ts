import { describe, expect, it } from "vitest";

import { confusions } from "./Classes";
import { safeHtml } from "./markdown";
import { readReceipt } from "./receipt";
import { inputOf, usage } from "./usage";

describe("the card", () => {
  it("keeps tables and code, and lowers headings", () => {
    const html = safeHtml("# Title\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n```python\nx = 1\n```\n");
    expect(html).toContain("<h3>Title</h3>");
    expect(html).toContain("<td>2</td>");
    expect(html).toContain('<pre tabindex="0">');
  });

  it.each([
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    "[x](javascript:alert(1))",
    '<a href="javascript:alert(1)">x</a>',
    '<div style="position:fixed">x</div>',
    "<style>body{display:none}</style>",
    '<form action="/v1/jobs"><button>x</button></form>',
    "<svg><script>alert(1)</script></svg>",
  ])("keeps nothing active of %s", (text) => {
    expect(safeHtml(text)).not.toMatch(/script|onerror|style|<form|<img|<button|<svg/i);
  });
});

it("lists confusions, the most frequent first", () => {
  // Of class 0, one image is predicted as 1 and three as 2; class 1 is always right; of class 2, two are predicted as 0.
  const confusion = [
    [5, 1, 3],
    [0, 9, 0],
    [2, 0, 7],
  ];
  expect(confusions({ confusion })).toEqual([
    { actual: 0, predicted: 2, images: 3 },
    { actual: 2, predicted: 0, images: 2 },
    { actual: 0, predicted: 1, images: 1 },
  ]);
});

describe("the receipt", () => {
  it("is read as far as its fields are known", () => {
    const found = readReceipt({ seeds: { search: 0 }, hashes: { data: "ab" }, target: { device: "d" }, more: 1 });
    expect(found).toMatchObject({ seeds: { search: 0 }, hashes: { data: "ab" }, versions: {}, warnings: [], target: { device: "d" } });
    expect(readReceipt("no")).toBeNull();
  });
});

describe("how to use it", () => {
  it("names the input's shape", () => {
    expect(inputOf({ network: { input_shape: [1, 8, 8] } })).toEqual({ channels: 1, size: 8 });
    expect(inputOf({})).toBeNull();
    expect(usage({ channels: 3, size: 96 })).toContain('pixels("photo.png", channels=3, side=96)');
    expect(usage({ channels: 3, size: 96 }).trim().split("\n")).toHaveLength(5);
  });
});
