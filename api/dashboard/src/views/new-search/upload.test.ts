import { afterEach, describe, expect, it, vi } from "vitest";

import { setCsrfToken } from "../../api/client";
import { AwayError, ProblemError } from "../../api/problem";
import { shrinkable } from "./network";
import { nameFor, unfit, upload, type Uploadable } from "./upload";

describe("a file to upload", () => {
  it("is checked by its name and size", () => {
    expect(unfit("dataset", { name: "a.ZIP", size: 1 })).toBeUndefined();
    expect(unfit("dataset", { name: "a.tar", size: 1 })).toContain(".zip");
    expect(unfit("dataset", { name: "a.npz", size: 0 })).toContain("empty");
    expect(unfit("dataset", { name: "a.npz", size: 3e9 })).toContain("2 GiB");
  });

  it("is an ONNX file where it is a network; of others it is said how they become one", () => {
    expect(unfit("network", { name: "a.ONNX", size: 1 })).toBeUndefined();
    for (const name of ["a.pt", "a.pth", "a.onnx.pkl", "onnx", "a.zip"]) expect(unfit("network", { name, size: 1 })).toContain("torch.onnx.export");
    expect(unfit("network", { name: "a.onnx", size: 1e9 })).toContain("768 MiB");
  });

  it.each<[Uploadable, number, string]>([
    ["dataset", 100, "data set"],
    ["network", 64, "network"],
  ])("gets a name that the service takes: a %s", (kind, longest, unnamed) => {
    const taken = new RegExp(`^[A-Za-z0-9][A-Za-z0-9 ._-]{0,${longest - 1}}$`);
    for (const name of ["flowers.zip", "../é/x.npz", ".zip", "a".repeat(300) + ".zip", "my images (2).zip"]) expect(nameFor(kind, name)).toMatch(taken);
    expect(nameFor(kind, "my images.v2.zip")).toBe("my images.v2");
    expect(nameFor(kind, ".onnx")).toBe(unnamed);
  });
});

/** What a browser's request does, as far as an upload uses it. */
class Request {
  static last: Request;
  upload: { onprogress?: (event: { lengthComputable: boolean; loaded: number; total: number }) => void } = {};
  onload?: () => void;
  onerror?: () => void;
  onabort?: () => void;
  status = 0;
  responseText = "";
  address = "";
  headers: Record<string, string> = {};
  constructor() {
    Request.last = this;
  }
  open(method: string, address: string): void {
    this.address = `${method} ${address}`;
  }
  setRequestHeader(name: string, value: string): void {
    this.headers[name] = value;
  }
  send(): void {}
  abort(): void {
    this.onabort?.();
  }
  answer(status: number, body: string): void {
    Object.assign(this, { status, responseText: body });
    this.onload?.();
  }
}

describe("an upload", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    setCsrfToken(null);
  });

  function started(kind: Uploadable, name: string) {
    vi.stubGlobal("XMLHttpRequest", Request);
    setCsrfToken("token");
    const shares: number[] = [];
    const sent = upload(kind, new File(["x"], name), (share) => shares.push(share));
    return { done: sent.done, cancel: () => sent.cancel(), shares, request: Request.last };
  }

  it.each<[Uploadable, string, string, string]>([
    ["dataset", "my images.zip", "POST /v1/datasets?name=my%20images", "application/zip"],
    ["dataset", "a.npz", "POST /v1/datasets?name=a", "application/octet-stream"],
    ["network", "my net.onnx", "POST /v1/networks?name=my%20net", "application/octet-stream"],
  ])("of a %s goes to its address: %s", async (kind, name, address, type) => {
    const { done, shares, request } = started(kind, name);
    expect([request.address, request.headers["Content-Type"]]).toEqual([address, type]);
    expect(request.headers["X-CSRF-Token"]).toBe("token");
    request.upload.onprogress?.({ lengthComputable: true, loaded: 1, total: 4 });
    expect(shares).toEqual([0.25]);
    request.answer(201, '{"id": "made"}');
    expect(await done).toEqual({ id: "made" });
  });

  it("tells a rejection, a service that is away, and a cancellation apart", async () => {
    const rejected = started("network", "a.onnx");
    rejected.request.answer(400, '{"code": "invalid_space", "detail": "D.", "fix": "F."}');
    await expect(rejected.done).rejects.toBeInstanceOf(ProblemError);
    const odd = started("network", "a.onnx");
    odd.request.answer(502, "<html>");
    await expect(odd.done).rejects.toThrow("502");
    const away = started("network", "a.onnx");
    away.request.onerror?.();
    await expect(away.done).rejects.toBeInstanceOf(AwayError);
    const cancelled = started("network", "a.onnx");
    cancelled.cancel();
    await expect(cancelled.done).rejects.toMatchObject({ name: "AbortError" });
  });
});

describe("an uploaded network", () => {
  const summary = { classes: 5, channels: 1, side: 16, only_side: false, prunable_share: 1, frozen: [] };

  it("says what it reads, and what of it can shrink", () => {
    expect(shrinkable(summary)).toBe("5 classes, 16 × 16 pixels, grayscale. 100 % of its multiply-accumulates are in layers that can shrink.");
    const frozen = [
      { layers: 1, reason: "split or shuffled" },
      { layers: 3, reason: "concatenated with other channels" },
    ];
    expect(shrinkable({ ...summary, channels: 3, only_side: true, prunable_share: 0.914, frozen })).toBe(
      "5 classes, 16 × 16 pixels only, RGB. 91 % of its multiply-accumulates are in layers that can shrink. " +
        "Of fixed size: 1 layer is split or shuffled, 3 layers are concatenated with other channels.",
    );
  });
});
