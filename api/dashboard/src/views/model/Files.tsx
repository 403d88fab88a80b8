/** The files of a bundle: size, hash, and a download that resumes after a lost connection. */
import { useEffect, useRef, useState } from "react";

import { announce } from "../../ui/announce";
import { CopyButton } from "../../ui/CopyButton";
import { bytes, percent } from "../../ui/format";
import { ProblemNotice } from "../../ui/Problem";
import { TableRegion } from "../../ui/TableRegion";
import { download } from "./download";
import type { Artifact } from "./useModel";

type State = { at: "rest" } | { at: "running"; received: number } | { at: "done"; verified: boolean } | { at: "failed"; error: unknown };

export function Files({ artifacts }: { artifacts: readonly Artifact[] }) {
  return (
    <TableRegion label="Table of files">
      <table>
        <caption>A download resumes after a lost connection and is verified by its hash. The name is a plain link to the same file.</caption>
        <thead>
          <tr>
            <th scope="col">File</th>
            <th scope="col" className="numeric">
              Size
            </th>
            <th scope="col">SHA-256</th>
            <th scope="col">Download</th>
          </tr>
        </thead>
        <tbody>
          {artifacts.map((artifact) => (
            <FileRow key={artifact.name} artifact={artifact} />
          ))}
        </tbody>
      </table>
    </TableRegion>
  );
}

function FileRow({ artifact }: { artifact: Artifact }) {
  const { state, start, cancel } = useDownload(artifact);
  return (
    <tr>
      <th scope="row" className="nowrap">
        <a href={artifact.url} download={artifact.name}>
          {artifact.name}
        </a>
      </th>
      <td className="numeric nowrap">{bytes(artifact.size_bytes)}</td>
      <td className="nowrap hash">
        <code title={artifact.sha256}>{artifact.sha256.slice(0, 12)}…</code>
        <CopyButton text={artifact.sha256}>Copy</CopyButton>
      </td>
      <td className="download">
        {state.at === "running" ? (
          <>
            <progress aria-label={`Download of ${artifact.name}`} max={artifact.size_bytes} value={state.received} />
            <span className="numeric small">{percent(state.received / artifact.size_bytes, 0)}</span>
            <button type="button" className="plain" onClick={cancel}>
              Cancel
            </button>
          </>
        ) : (
          <button type="button" aria-label={`Download ${artifact.name}`} onClick={start}>
            Download
          </button>
        )}
        {state.at === "done" && (
          <span className="small verified">{state.verified ? "Saved, hash verified" : "Saved; this page cannot verify hashes without HTTPS"}</span>
        )}
        {state.at === "failed" && <ProblemNotice error={state.error} />}
      </td>
    </tr>
  );
}

function useDownload(artifact: Artifact) {
  const [state, setState] = useState<State>({ at: "rest" });
  const running = useRef<AbortController>(null);
  useEffect(() => () => running.current?.abort(), []);
  async function follow(control: AbortController): Promise<void> {
    try {
      const { content, verified } = await download(artifact, { signal: control.signal, onProgress: (received) => setState({ at: "running", received }) });
      save(new Blob([content], { type: artifact.media_type }), artifact.name);
      setState({ at: "done", verified });
      announce(`${artifact.name} is downloaded${verified ? " and verified" : ""}`);
    } catch (error) {
      setState(control.signal.aborted ? { at: "rest" } : { at: "failed", error });
    }
  }
  function start(): void {
    running.current = new AbortController();
    setState({ at: "running", received: 0 });
    void follow(running.current);
  }
  return { state, start, cancel: () => running.current?.abort() };
}

/** Hands a complete file to the browser's downloads. */
function save(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
