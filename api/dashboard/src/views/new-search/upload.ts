/** Uploads a data set or a trained network with progress. `XMLHttpRequest`, since `fetch` does not report it. */
import { isProblem, type Schemas, writeHeaders } from "../../api/client";
import { AwayError, ProblemError } from "../../api/problem";

/** What can be uploaded, and what the service makes of it. */
export interface Made {
  dataset: Schemas["DatasetDocument"];
  network: Schemas["NetworkDocument"];
}
export type Uploadable = keyof Made;

export interface Upload<Document> {
  done: Promise<Document>;
  cancel(): void;
}

interface About {
  path: string;
  /** The query whose list has one more item after an upload. */
  listed: string;
  endings: readonly string[];
  /** What to do about a file with another ending. */
  choose: string;
  maxBytes: number;
  atMost: string;
  /** Where a file's name has nothing that the service accepts. */
  unnamed: string;
  maxName: number;
}

/** The limits are those of the service, which has the last word. */
export const ABOUT: Readonly<Record<Uploadable, About>> = {
  dataset: {
    path: "/v1/datasets",
    listed: "datasets",
    endings: [".zip", ".npz"],
    choose: "Choose a .zip of class folders or an .npz file.",
    maxBytes: 2 * 1024 ** 3,
    atMost: "2 GiB",
    unnamed: "data set",
    maxName: 100,
  },
  network: {
    path: "/v1/networks",
    listed: "networks",
    endings: [".onnx"],
    choose: "Choose an .onnx file. Other files are exported first, for example with torch.onnx.export.",
    maxBytes: 768 * 1024 ** 2,
    atMost: "768 MiB",
    unnamed: "network",
    maxName: 64,
  },
};

/** Why a file cannot be uploaded, by its name and size; undefined when it may be. */
export function unfit(kind: Uploadable, file: { name: string; size: number }): string | undefined {
  const { endings, choose, maxBytes, atMost } = ABOUT[kind];
  if (!endings.some((ending) => file.name.toLowerCase().endsWith(ending))) return choose;
  if (file.size === 0) return "The file is empty.";
  if (file.size > maxBytes) return `The file is larger than ${atMost}, which is the most that the service takes.`;
  return undefined;
}

/** The name of an upload from its file: only characters that the service accepts in names. */
export function nameFor(kind: Uploadable, file: string): string {
  const { unnamed, maxName } = ABOUT[kind];
  const name = file.replace(/\.[^.]*$/, "").replace(/[^A-Za-z0-9 ._-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "").slice(0, maxName);
  return name === "" ? unnamed : name;
}

/** Rejects with `ProblemError`, `AwayError`, or an `AbortError` after `cancel`. `onSent` has the share from 0 to 1. */
export function upload<Kind extends Uploadable>(kind: Kind, file: File, onSent: (share: number) => void): Upload<Made[Kind]> {
  const request = new XMLHttpRequest();
  const done = new Promise<Made[Kind]>((resolve, reject) => {
    request.open("POST", `${ABOUT[kind].path}?name=${encodeURIComponent(nameFor(kind, file.name))}`);
    request.setRequestHeader("Content-Type", /\.zip$/i.test(file.name) ? "application/zip" : "application/octet-stream");
    for (const [name, value] of Object.entries(writeHeaders())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onSent(event.loaded / event.total);
    };
    request.onload = () => {
      const answer = parsed(request.responseText);
      if (request.status === 201) resolve(answer as Made[Kind]);
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
