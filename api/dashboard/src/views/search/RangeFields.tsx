/** The ranges of the shown axes as fields, and which axes are shown: what the brushes do, for the keyboard. */
import type { Span } from "../../charts/axis";
import type { Dimension } from "./dimensions";
import type { Brush } from "./rows";

interface Props {
  all: readonly Dimension[];
  shown: readonly Dimension[];
  brushes: readonly Brush[];
  onAxes: (ids: readonly string[]) => void;
  onBrush: (dimension: Dimension, range: Span | null) => void;
}

export function RangeFields({ all, shown, brushes, onAxes, onBrush }: Props) {
  const ids = shown.map(({ id }) => id);
  return (
    <div className="range-panels">
      <details>
        <summary>Axes ({shown.length})</summary>
        <fieldset className="axis-choices">
          <legend className="visually-hidden">Shown axes</legend>
          {all.map(({ id, label }) => (
            <label key={id} className="check">
              <input
                type="checkbox"
                checked={ids.includes(id)}
                onChange={(event) => onAxes(event.target.checked ? [...ids, id] : ids.filter((one) => one !== id))}
              />
              {label}
            </label>
          ))}
        </fieldset>
      </details>
      <details>
        <summary>Edit ranges{brushes.length > 0 ? ` (${brushes.length})` : ""}</summary>
        <div className="range-fields">
          {shown.map((dimension) => (
            <RangeField key={dimension.id} of={dimension} brush={brushes.find((one) => one.dimension.id === dimension.id)} onBrush={onBrush} />
          ))}
        </div>
      </details>
      {brushes.length > 0 && (
        <button type="button" className="plain" onClick={() => brushes.forEach(({ dimension }) => onBrush(dimension, null))}>
          Clear ranges
        </button>
      )}
    </div>
  );
}

interface FieldProps {
  of: Dimension;
  brush: Brush | undefined;
  onBrush: Props["onBrush"];
}

function RangeField({ of, brush, onBrush }: FieldProps) {
  const { label, values } = of;
  const ends = brush === undefined ? null : ([brush.low, brush.high] as const);
  const change = (which: 0 | 1, text: string) => {
    const value = text === "" ? null : Number(text);
    const low = which === 0 ? value : (ends?.[0] ?? null);
    const high = which === 1 ? value : (ends?.[1] ?? null);
    const open = low === null || low === -Infinity;
    if (open && (high === null || high === Infinity)) onBrush(of, null);
    else onBrush(of, [low ?? (values === null ? -Infinity : 0), high ?? (values === null ? Infinity : values.length - 1)]);
  };
  return (
    <fieldset className="range-field">
      <legend>{label}</legend>
      {([0, 1] as const).map((which) => {
        const name = which === 0 ? `${label} from` : `${label} to`;
        const now = ends === null || !Number.isFinite(ends[which]) ? "" : String(ends[which]);
        return values === null ? (
          <input
            key={`${which}${now}`}
            type="text"
            inputMode="decimal"
            aria-label={name}
            placeholder={which === 0 ? "from" : "to"}
            defaultValue={now}
            onBlur={(event) => {
              const text = event.target.value.trim();
              if (text !== now && !Number.isNaN(Number(text))) change(which, text);
            }}
            onKeyDown={(event) => {
              if (event.key === "Enter") event.currentTarget.blur();
            }}
          />
        ) : (
          <select key={which} aria-label={name} value={now} onChange={(event) => change(which, event.target.value)}>
            <option value="">{which === 0 ? "from" : "to"}</option>
            {values.map((value, index) => (
              <option key={value} value={index}>
                {value}
              </option>
            ))}
          </select>
        );
      })}
    </fieldset>
  );
}
