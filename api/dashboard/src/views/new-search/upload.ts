/** Uploads a data set with progress. `XMLHttpRequest`, since `fetch` does not report it. */
import { isProblem, type Schemas, writeHeaders } from "../../api/client";
import { AwayError, ProblemError } from "../../api/problem";

export const MAX_BYTES = 2 * 1024 ** 3;

export interface Upload {
  done: Promise<Schemas["DatasetDocument"]>;
  cancel(): void;
}

/** Why a file cannot be a data set, by its name and size; undefined when it may be one. */
export function unfit(file: { name: string; size: number }): string | undefined {
  if (!/\.(zip|npz)$/i.test(file.name)) return "Choose a .zip of class folders or an .npz file.";
  if (file.size === 0) return "The file is empty.";
  if (file.size > MAX_BYTES) return "The file is larger than 2 GiB, which is the most that the service takes.";
  return undefined;
}

/** The name of a data set from its file: only characters that the service accepts in names. */
export function nameFor(file: string): string {
  const name = file.replace(/\.[^.]*$/, "").replace(/[^A-Za-z0-9 ._-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "").slice(0, 100);
  return name === "" ? "data set" : name;
}

/** Rejects with `ProblemError`, `AwayError`, or an `AbortError` after `cancel`. `onSent` has the share from 0 to 1. */
export function upload(file: File, onSent: (share: number) => void): Upload {
  const request = new XMLHttpRequest();
  const done = new Promise<Schemas["DatasetDocument"]>((resolve, reject) => {
    request.open("POST", `/v1/datasets?name=${encodeURIComponent(nameFor(file.name))}`);
    request.setRequestHeader("Content-Type", /\.zip$/i.test(file.name) ? "application/zip" : "application/octet-stream");
    for (const [name, value] of Object.entries(writeHeaders())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onSent(event.loaded / event.total);
    };
    request.onload = () => {
      const answer = parsed(request.responseText);
      if (request.status === 201) resolve(answer as Schemas["DatasetDocument"]);
      else if (isProblem(answer)) reject(new ProblemError(answer));
      else reject(new Error(`The service answered with the status ${request.status}.`));
    };
    request.onerror = () => reject(new AwayError());
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    request.send(file);
  });
  return { done, cancel: () => request.abort() };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
