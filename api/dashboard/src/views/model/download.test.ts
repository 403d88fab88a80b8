import { createHash, webcrypto } from "node:crypto";

import { describe, expect, it } from "vitest";

import { AwayError, ProblemError } from "../../api/problem";
import { download, MAX_FAILURES, rangeFrom, WrongContentError } from "./download";

const FILE = Uint8Array.from({ length: 1000 }, (_, index) => index % 251);
const SHA256 = createHash("sha256").update(FILE).digest("hex");
const REMOTE = { url: "/file", size_bytes: FILE.length, sha256: SHA256 };

/** Answers with what is requested; each connection breaks after `breaksAfter` bytes. */
function service(breaksAfter: number, { ignoresRange = false } = {}) {
  const requests: (string | null)[] = [];
  const fetch = (_: unknown, init?: RequestInit) => {
    const range = new Headers(init?.headers).get("Range");
    requests.push(range);
    const first = ignoresRange || range === null ? 0 : Number(/\d+/.exec(range)?.[0]);
    const bytes = FILE.slice(first, first + breaksAfter);
    const breaks = first + bytes.length < FILE.length;
    let sent = false;
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: (stream) => {
        if (!sent && bytes.length > 0) stream.enqueue(bytes);
        else if (breaks) stream.error(new TypeError("broken"));
        else stream.close();
        sent = true;
      },
    });
    const headers = { "Content-Range": `bytes ${first}-${FILE.length - 1}/${FILE.length}` };
    const partial = range !== null && !ignoresRange;
    return Promise.resolve(new Response(body, { status: partial ? 206 : 200, headers: partial ? headers : {} }));
  };
  return { fetch: fetch as typeof globalThis.fetch, requests };
}

function options(fetch: typeof globalThis.fetch) {
  const seen: number[] = [];
  const pause = () => Promise.resolve();
  const subtle = webcrypto.subtle as unknown as SubtleCrypto;
  return { fetch, pause, subtle, signal: new AbortController().signal, seen, onProgress: (received: number) => void seen.push(received) };
}

describe("a download", () => {
  it("is one request when nothing breaks", async () => {
    const { fetch, requests } = service(5000);
    const { content, verified } = await download(REMOTE, options(fetch));
    expect(content).toEqual(FILE);
    expect(verified).toBe(true);
    expect(requests).toEqual([null]);
  });

  it("resumes where it broke, each time", async () => {
    const { fetch, requests } = service(400);
    const given = options(fetch);
    expect((await download(REMOTE, given)).content).toEqual(FILE);
    expect(requests).toEqual([null, "bytes=400-", "bytes=800-"]);
    expect(given.seen).toEqual([400, 800, 1000]);
    expect(rangeFrom(400, SHA256)["If-Range"]).toBe(`"sha256-${SHA256}"`);
  });

  it("starts again when the service sends the whole file", async () => {
    let times = 0;
    const whole = service(5000, { ignoresRange: true }).fetch;
    const broken = service(400).fetch;
    const fetch: typeof globalThis.fetch = (...call) => (times++ === 0 ? broken(...call) : whole(...call));
    expect((await download(REMOTE, options(fetch))).content).toEqual(FILE);
  });

  it("says so when its content is wrong", async () => {
    const given = options(service(5000).fetch);
    await expect(download({ ...REMOTE, sha256: "0".repeat(64) }, given)).rejects.toThrow(WrongContentError);
  });

  it("gives up when nothing comes for long", async () => {
    let requests = 0;
    const fetch = () => {
      requests += 1;
      return Promise.reject(new TypeError("no network"));
    };
    await expect(download(REMOTE, options(fetch))).rejects.toThrow(AwayError);
    expect(requests).toBe(MAX_FAILURES + 1);
  });

  it("hands on a rejection at once", async () => {
    const problem = { type: "", title: "Unknown file", status: 404, code: "unknown_artifact", detail: "no", fix: "", errors: [] };
    const fetch = () => Promise.resolve(new Response(JSON.stringify(problem), { status: 404 }));
    await expect(download(REMOTE, options(fetch))).rejects.toThrow(ProblemError);
  });

  it("ends when it is cancelled", async () => {
    const control = new AbortController();
    const given = { ...options(service(400).fetch), signal: control.signal, onProgress: () => control.abort() };
    await expect(download(REMOTE, given)).rejects.toMatchObject({ name: "AbortError" });
  });
});
