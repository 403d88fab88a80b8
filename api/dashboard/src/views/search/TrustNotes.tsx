/** How far the scores of a search that succeeded can be trusted, for each target. */
import type { Job } from "../../job/describe";
import { Notice } from "../../ui/Notice";
import { trustTone } from "../model/searchReport";

export function TrustNotes({ result }: { result: Job["result"] | undefined }) {
  if (!result || !("models" in result)) return null;
  const models = Object.entries(result.models);
  return (
    <>
      {models.map(
        ([target, { trust }]) =>
          trust && (
            <Notice key={target} tone={trustTone(trust)}>
              {models.length > 1 && <strong>{target}: </strong>}
              {trust.note}
            </Notice>
          ),
      )}
    </>
  );
}
