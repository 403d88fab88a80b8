/** The INT8 model on the test set, class by class: precision, recall and the confusion matrix. */
import { percent } from "../../ui/format";
import { TableRegion } from "../../ui/TableRegion";
import type { Model } from "./useModel";

type Test = NonNullable<Model["test"]>;

/** Of more classes, the most frequent confusions are listed instead of the matrix. */
const MOST_CLASSES = 20;
const MOST_CONFUSIONS = 30;

export function Classes({ test }: { test: Test }) {
  return (
    <>
      <TableRegion label="Table of classes">
        <table>
          <caption>
            The INT8 model on the test set.
          </caption>
          <thead>
            <tr>
              <th scope="col">Class</th>
              <th scope="col" className="numeric">
                Images
              </th>
              <th scope="col" className="numeric">
                Precision
              </th>
              <th scope="col" className="numeric">
                Recall
              </th>
            </tr>
          </thead>
          <tbody>
            {test.classes.map((one, index) => (
              <tr key={index}>
                <th scope="row">{one.name}</th>
                <td className="numeric">{one.images}</td>
                <td className="numeric">{share(one.precision, "never predicted")}</td>
                <td className="numeric">{share(one.recall, "no images")}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableRegion>
      {test.classes.length <= MOST_CLASSES ? <Matrix test={test} /> : <Confusions test={test} />}
    </>
  );
}

function share(value: number | null, none: string): string {
  return value === null ? none : percent(value, 1);
}

function Matrix({ test: { classes, confusion } }: { test: Test }) {
  const most = Math.max(1, ...confusion.flat());
  return (
    <TableRegion label="Confusion matrix">
      <table className="confusion">
        <caption>Images by true class (rows) and predicted class (columns).</caption>
        <thead>
          <tr>
            <td />
            {classes.map(({ name }, index) => (
              <th key={index} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {confusion.map((row, index) => (
            <tr key={index}>
              <th scope="row">{classes[index]?.name}</th>
              {row.map((images, predicted) => (
                <td key={predicted} className={predicted === index ? "numeric right" : "numeric"} style={{ "--share": images / most } as React.CSSProperties}>
                  {images}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </TableRegion>
  );
}

function Confusions({ test }: { test: Test }) {
  const all = confusions(test);
  return (
    <TableRegion label="Most frequent confusions">
      <table>
        <caption>
          {all.length > MOST_CONFUSIONS ? `The most frequent ${MOST_CONFUSIONS} of ${all.length} confusions` : "Confusions"}; all are in receipt.json.
        </caption>
        <thead>
          <tr>
            <th scope="col">True class</th>
            <th scope="col">Predicted class</th>
            <th scope="col" className="numeric">
              Images
            </th>
          </tr>
        </thead>
        <tbody>
          {all.slice(0, MOST_CONFUSIONS).map(({ actual, predicted, images }) => (
            <tr key={`${actual} ${predicted}`}>
              <th scope="row">{test.classes[actual]?.name}</th>
              <td>{test.classes[predicted]?.name}</td>
              <td className="numeric">{images}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableRegion>
  );
}

export interface Confusion {
  /** Indices of the classes. */
  actual: number;
  predicted: number;
  images: number;
}

/** Which classes are predicted as which others, the most frequent first. */
export function confusions({ confusion }: Pick<Test, "confusion">): Confusion[] {
  const found = confusion.flatMap((row, actual) => row.flatMap((images, predicted) => (actual === predicted || images === 0 ? [] : [{ actual, predicted, images }])));
  return found.sort((a, b) => b.images - a.images);
}
