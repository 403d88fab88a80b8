/** The request for the API and the CLI, to copy. */
import { CodeBlock } from "../../ui/CodeBlock";
import { CopyButton } from "../../ui/CopyButton";
import type { WireSpec } from "./form";
import { snippets } from "./snippets";

interface Props {
  spec: WireSpec | null;
  tab: string | null;
  onTab: (tab: string) => void;
}

export function SnippetsPart({ spec, tab, onTab }: Props) {
  const all = spec === null ? [] : snippets(spec, window.location.origin);
  const shown = all.find((one) => one.id === tab) ?? all[0];
  return (
    <section aria-labelledby="snippets-title" className="snippets">
      <h2 id="snippets-title">Use from API or CLI</h2>
      {shown === undefined ? (
        <p className="quiet">The request appears here when the form is valid.</p>
      ) : (
        <>
          <div className="toolbar">
            <div className="toolbar" role="group" aria-label="Format of the request">
              {all.map((one) => (
                <button key={one.id} type="button" aria-pressed={one === shown} onClick={() => onTab(one.id)}>
                  {one.name}
                </button>
              ))}
            </div>
            <span className="push">
              <CopyButton text={shown.text} />
            </span>
          </div>
          <CodeBlock label={shown.name} text={shown.text} />
          <p className="quiet small">{shown.about}</p>
        </>
      )}
    </section>
  );
}
