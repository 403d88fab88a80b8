import { expect, it } from "vitest";

import { csv } from "./csv";

it("writes one line a row, and nothing for what is not known", () => {
  expect(csv(["id", "accuracy"], [["a", 0.5], ["b", null]])).toBe("id,accuracy\r\na,0.5\r\nb,\r\n");
});

it("quotes commas, quotes and line ends", () => {
  expect(csv(["a,b"], [['say "x"\nnow']])).toBe('"a,b"\r\n"say ""x""\nnow"\r\n');
});

it("lets no text begin like a formula, but leaves numbers alone", () => {
  expect(csv(["x"], [["=1+1"], [-1]])).toBe("x\r\n'=1+1\r\n-1\r\n");
});
