/** The selected candidates, with the link that compares them. */
import { Link } from "react-router";

import { MOST_COMPARED } from "./address";

interface Props {
  jobId: string;
  selected: readonly string[];
  onSelect: (architectureId: string) => void;
  onClear: () => void;
}

export function Selection({ jobId, selected, onSelect, onClear }: Props) {
  return (
    <section className="selection" aria-label="Selected candidates">
      {selected.length === 0 ? (
        <p className="quiet small">Select up to {MOST_COMPARED} candidates in the chart or in the table to compare them.</p>
      ) : (
        <>
          <ul className="chips">
            {selected.map((id) => (
              <li key={id} className="chip">
                <Link to={`/jobs/${jobId}/candidates?ids=${id}`}>
                  <code>{id}</code>
                </Link>
                <button type="button" className="plain" aria-label={`Remove ${id} from the selection`} onClick={() => onSelect(id)}>
                  ×
                </button>
              </li>
            ))}
          </ul>
          <Link className="button primary" to={`/jobs/${jobId}/candidates?ids=${selected.join(",")}`}>
            {selected.length === 1 ? "Open the candidate" : `Compare ${selected.length}`}
          </Link>
          <button type="button" className="plain" onClick={onClear}>
            Clear
          </button>
        </>
      )}
    </section>
  );
}
