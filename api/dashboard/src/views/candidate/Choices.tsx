/** Choices of an architecture, each among its alternatives: the selected one is outlined, bold and named as selected. */
import { type Choice, lastPart } from "./layout";

type Value = NonNullable<Choice["value"]>;

/** `against` has the values of the candidate that others are compared with; null where there is none. */
export function Choices({ choices, against }: { choices: readonly Choice[]; against: ReadonlyMap<string, Choice["value"]> | null }) {
  const active = choices.filter((choice) => choice.value !== null);
  if (active.length === 0) return null;
  return (
    <dl className="choices">
      {active.map((choice) => {
        const differs = against !== null && against.get(choice.name) !== choice.value;
        return (
          <div key={choice.name} className={differs ? "differs" : undefined}>
            <dt>
              {lastPart(choice.name)}
              {differs && <abbr title="differs from the first candidate"> ≠</abbr>}
            </dt>
            <dd>
              {choice.alternatives.map((value) => (
                <Alternative key={String(value)} value={value} isSelected={value === choice.value} />
              ))}
            </dd>
          </div>
        );
      })}
    </dl>
  );
}

function Alternative({ value, isSelected }: { value: Value; isSelected: boolean }) {
  const text = typeof value === "boolean" ? (value ? "yes" : "no") : String(value);
  if (!isSelected) return <span className="alternative">{text}</span>;
  return (
    <strong className="alternative selected">
      {text}
      <span className="visually-hidden"> (selected)</span>
    </strong>
  );
}
