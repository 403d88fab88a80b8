/** The estimated cost of a batch: shared work counted once, and what is stored not at all. */
import type { Schemas } from "../../api/client";
import { bytes, duration } from "../../ui/format";
import { Notice } from "../../ui/Notice";
import { Stages, total } from "../new-search/Estimate";
import { EstimatePanel, type EstimateProps } from "../new-search/EstimatePanel";

export function BatchEstimate(props: EstimateProps<Schemas["BatchValidation"]>) {
  return (
    <EstimatePanel {...props}>
      {(estimate) => (
        <>
          <dl className="facts">
            <dt>Searches</dt>
            <dd>
              {estimate.runnable.toLocaleString("en")} to run{estimate.finished > 0 && `, ${estimate.finished.toLocaleString("en")} stored`}
            </dd>
            <dt>Shared</dt>
            <dd>
              {estimate.supernets} {estimate.supernets === 1 ? "supernet" : "supernets"}, {estimate.tables} latency {estimate.tables === 1 ? "table" : "tables"}
            </dd>
            <dt>Time</dt>
            <dd>
              {duration(total(estimate.seconds))} <span className="kind">estimated, one after the other</span>
            </dd>
            {estimate.memory_bytes > 0 && (
              <>
                <dt>Memory</dt>
                <dd>
                  {bytes(estimate.memory_bytes)} <span className="kind">estimated, of one search</span>
                </dd>
              </>
            )}
          </dl>
          <Stages seconds={estimate.seconds} />
          <Problems of={estimate.problems} />
        </>
      )}
    </EstimatePanel>
  );
}

/** Why some cells have no network: each reason once, with the number of its cells. */
function Problems({ of: problems }: { of: Schemas["BatchValidation"]["problems"] }) {
  const counts = new Map<string, number>();
  for (const { detail } of Object.values(problems)) counts.set(detail, (counts.get(detail) ?? 0) + 1);
  return [...counts].map(([detail, count]) => (
    <Notice key={detail} tone="warning">
      {count} {count === 1 ? "cell" : "cells"}: {detail}
    </Notice>
  ));
}
