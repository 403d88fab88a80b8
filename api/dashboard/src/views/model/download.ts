/**
 * Downloads a file over broken connections: resumes from what is there, and checks the hash at the end where the browser can
 * (`crypto.subtle` is there over HTTPS and on localhost only). What was received is kept in memory until the file is complete.
 */
import { isProblem } from "../../api/client";
import { AwayError, ProblemError } from "../../api/problem";

export interface RemoteFile {
  url: string;
  size_bytes: number;
  sha256: string;
}

export interface Downloaded {
  content: Uint8Array<ArrayBuffer>;
  /** False where the browser cannot compute hashes here. */
  verified: boolean;
}

interface DownloadOptions {
  signal: AbortSignal;
  onProgress: (received: number) => void;
  fetch?: typeof fetch;
  pause?: (failures: number) => Promise<void>;
  subtle?: Pick<SubtleCrypto, "digest"> | undefined;
}

/** Attempts without a single byte before it gives up. */
export const MAX_FAILURES = 12;

export class WrongContentError extends Error {
  override readonly name = "WrongContentError";

  constructor() {
    super("The downloaded file does not match its hash. Download it again.");
  }
}

/**
 * The complete file.
 *
 * @throws ProblemError it was rejected; AwayError nothing came for long; WrongContentError the hash differs; AbortError.
 */
export async function download(file: RemoteFile, options: DownloadOptions): Promise<Downloaded> {
  const { signal, onProgress, fetch: request = fetch.bind(window), pause = wait } = options;
  const subtle = options.subtle ?? (crypto as Partial<Crypto>).subtle;
  let chunks: Uint8Array<ArrayBuffer>[] = [];
  let received = 0;
  let failures = 0;
  while (received < file.size_bytes) {
    signal.throwIfAborted();
    try {
      const answer = await request(file.url, { signal, credentials: "same-origin", headers: rangeFrom(received, file.sha256) });
      if (!answer.ok) await reject(answer);
      if (!resumes(answer, received)) {
        chunks = [];
        received = 0;
      }
      const reader = answer.body?.getReader();
      for (let read = await reader?.read(); read && !read.done; read = await reader?.read()) {
        chunks.push(read.value);
        received += read.value.length;
        failures = 0;
        onProgress(received);
      }
      if (received < file.size_bytes) throw new TypeError("the connection ended early");
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ProblemError) throw error;
      failures += 1;
      if (failures > MAX_FAILURES) throw new AwayError();
      await pause(failures);
    }
  }
  const content = joined(chunks, received);
  const verified = subtle !== undefined;
  if (received !== file.size_bytes) throw new WrongContentError();
  if (verified && hex(await subtle.digest("SHA-256", content)) !== file.sha256) throw new WrongContentError();
  return { content, verified };
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

export function rangeFrom(received: number, sha256: string): Record<string, string> {
  return received === 0 ? {} : { Range: `bytes=${received}-`, "If-Range": `"sha256-${sha256}"` };
}

/** Whether the answer starts where we are; a complete file starts again. */
function resumes(answer: Response, received: number): boolean {
  const first = /^bytes (\d+)-/.exec(answer.headers.get("Content-Range") ?? "")?.[1];
  return answer.status === 206 && Number(first) === received;
}

async function reject(answer: Response): Promise<never> {
  if (answer.status === 429 || answer.status >= 500) throw new TypeError(`status ${answer.status}`);
  const body: unknown = await answer.json().catch(() => null);
  if (isProblem(body)) throw new ProblemError(body);
  throw new TypeError(`status ${answer.status}`);
}

function hex(digest: ArrayBuffer): string {
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function wait(failures: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.min(250 * 2 ** failures, 5000)));
}
