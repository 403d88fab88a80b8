/** The provenance of a model: device, seeds, versions and the hashes of its inputs. */
import { ProblemNotice } from "../../ui/Problem";
import { Loading, Notice } from "../../ui/Notice";
import { moment } from "../../ui/format";
import { TableRegion } from "../../ui/TableRegion";
import { readReceipt } from "./receipt";
import { type Model, parsed, useText } from "./useModel";

export function Provenance({ model }: { model: Model }) {
  const text = useText(model, "receipt.json");
  if (text.isError) return <ProblemNotice error={text.error} again={() => void text.refetch()} />;
  if (text.isPending) return <Loading />;
  const receipt = readReceipt(parsed(text.data));
  if (receipt === null) return <Notice tone="warning">The file receipt.json has an unexpected format.</Notice>;
  const { target } = receipt;
  const seeds = Object.entries(receipt.seeds).map(([name, seed]) => `${name} ${seed}`);
  return (
    <>
      {receipt.warnings.map((warning) => (
        <Notice key={warning} tone="warning">
          {warning}
        </Notice>
      ))}
      <dl className="facts">
        <dt>Created</dt>
        <dd>{receipt.created && moment(receipt.created)}</dd>
        <dt>Device</dt>
        <dd>
          {target.device}, {target.runtime}
        </dd>
        <dt>Fingerprint</dt>
        <dd>
          <code>{target.fingerprint}</code>
        </dd>
        <dt>Quantisation</dt>
        <dd>{receipt.quantisation.scheme?.replaceAll("_", " ")}</dd>
        <dt>Seeds</dt>
        <dd>{seeds.join(", ")}</dd>
        <dt>Training threads</dt>
        <dd>{receipt.training_threads}</dd>
        <dt>Versions</dt>
        <dd>{Object.entries(receipt.versions).map(([name, version]) => `${name} ${version}`).join(", ")}</dd>
      </dl>
      <details>
        <summary>Hashes of {Object.keys(receipt.hashes).length} inputs and outputs</summary>
        <TableRegion label="Hashes">
          <table>
            <caption>SHA-256, as in receipt.json</caption>
            <tbody>
              {Object.entries(receipt.hashes).map(([name, hash]) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>
                    <code>{hash}</code>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </TableRegion>
      </details>
    </>
  );
}
