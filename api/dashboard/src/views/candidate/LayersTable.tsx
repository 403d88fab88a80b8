/** The layers of one candidate as a table: what the drawing shows, and the rest. */
import type { Schemas } from "../../api/client";
import { bytes, count, latency } from "../../ui/format";
import { TableRegion } from "../../ui/TableRegion";
import { boundOf } from "./bound";
import type { Candidate } from "./Facts";
import { type Layer, operation, shape } from "./layout";

type Part = Schemas["LatencyPart"];

export function LayersTable({ candidate, target }: { candidate: Candidate; target: string }) {
  const prediction = candidate.targets.find((one) => one.target === target)?.prediction;
  const parts = new Map(prediction?.parts.map((part) => [part.name, part]));
  const isSimulated = prediction?.simulated_ms != null;
  const rest = prediction?.parts.filter((part) => part.of !== "layer") ?? [];
  return (
    <details className="layers">
      <summary>
        Layers of <code>{candidate.architecture_id}</code> as a table
      </summary>
      <TableRegion label={`Layers of ${candidate.architecture_id}`}>
        <table>
          <caption>Latencies on {target}, INT8, batch 1. They add up to the prediction.</caption>
          <thead>
            <tr>
              {["Layer", "Operation", "Output", "Activation"].map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
              {["MACs", "Parameters", "Weights", "Latency", ...(isSimulated ? ["Group, simulated"] : [])].map((name) => (
                <th key={name} scope="col" className="numeric">
                  {name}
                </th>
              ))}
              {isSimulated && <th scope="col">Bottleneck</th>}
            </tr>
          </thead>
          <tbody>
            {candidate.network?.layers.map((layer) => (
              <LayerRow key={layer.name} layer={layer} part={parts.get(layer.name)} isSimulated={isSimulated} />
            ))}
            {rest.map((part) => (
              <tr key={part.name}>
                <th scope="row">{part.of === "constant" ? "Fixed overhead" : "Input"}</th>
                <td colSpan={6} />
                <Cost part={part} />
                {isSimulated && <td colSpan={2} />}
              </tr>
            ))}
          </tbody>
        </table>
      </TableRegion>
    </details>
  );
}

function LayerRow({ layer, part, isSimulated }: { layer: Layer; part: Part | undefined; isSimulated: boolean }) {
  return (
    <tr>
      <th scope="row">{layer.name}</th>
      <td className="nowrap">{operation(layer)}</td>
      <td className="nowrap">{shape(layer.out_shape)}</td>
      <td>{layer.activation ?? "–"}</td>
      <td className="numeric">{count(layer.macs)}</td>
      <td className="numeric">{count(layer.params)}</td>
      <td className="numeric">{bytes(layer.weight_bytes)}</td>
      <Cost part={part} />
      {isSimulated && (
        <>
          <td className="numeric nowrap">{part?.simulated_ms == null ? "" : latency(part.simulated_ms)}</td>
          <td className="nowrap">{part?.bound_by == null ? "" : boundOf(part.bound_by).title}</td>
        </>
      )}
    </tr>
  );
}

function Cost({ part }: { part: Part | undefined }) {
  return (
    <td className="numeric nowrap">
      {part && (
        <>
          {latency(part.latency_ms)} <span className="kind">{part.kind}</span>
        </>
      )}
    </td>
  );
}
