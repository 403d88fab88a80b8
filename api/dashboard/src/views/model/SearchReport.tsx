/** What the search of a model cost, and how far its scores can be trusted. */
import { Notice } from "../../ui/Notice";
import { costFacts, type SearchCost, type TrustScore, trustFacts, trustTone } from "./searchReport";

/** Nothing for a model that a user selected, or of an older version. */
export function SearchReport({ cost, trust }: { cost: SearchCost | null | undefined; trust: TrustScore | null | undefined }) {
  return (
    <>
      {trust && (
        <>
          <Notice tone={trustTone(trust)}>{trust.note}</Notice>
          <Facts facts={trustFacts(trust)} />
        </>
      )}
      {cost && <Facts facts={costFacts(cost)} />}
    </>
  );
}

function Facts({ facts }: { facts: readonly (readonly [string, string])[] }) {
  if (facts.length === 0) return null;
  return (
    <dl className="facts">
      {facts.map(([name, value]) => (
        <div key={name} className="fact">
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
