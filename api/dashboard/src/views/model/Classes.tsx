/** What the INT8 model answers of each class on the test set: precision and recall, and which classes it takes for which. */
import { percent } from "../../ui/format";
import { TableRegion } from "../../ui/TableRegion";
import type { Model } from "./useModel";

type Test = NonNullable<Model["test"]>;

/** A matrix of more classes is a list of its most frequent mistakes. */
const MOST_CLASSES = 20;
const MOST_MISTAKES = 30;

export function Classes({ test }: { test: Test }) {
  return (
    <>
      <TableRegion label="Table of classes">
        <table>
          <caption>
            INT8, test set. Over classes: balanced accuracy {percent(test.balanced_accuracy)}, macro F1 {percent(test.macro_f1)}.
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
                <td className="numeric">{share(one.precision, "never answered")}</td>
                <td className="numeric">{share(one.recall, "no images")}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableRegion>
      {test.classes.length <= MOST_CLASSES ? <Matrix test={test} /> : <Mistakes test={test} />}
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
        <caption>Images by what they are (rows) and what the model answers (columns); the darker, the more.</caption>
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
              {row.map((images, answer) => (
                <td key={answer} className={answer === index ? "numeric right" : "numeric"} style={{ "--share": images / most } as React.CSSProperties}>
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

function Mistakes({ test }: { test: Test }) {
  const all = mistakes(test);
  return (
    <TableRegion label="Most frequent mistakes">
      <table>
        <caption>
          {all.length > MOST_MISTAKES ? `The most frequent ${MOST_MISTAKES} of ${all.length} kinds of mistakes` : "Mistakes"}; all of them are in receipt.json.
        </caption>
        <thead>
          <tr>
            <th scope="col">Class</th>
            <th scope="col">Answer</th>
            <th scope="col" className="numeric">
              Images
            </th>
          </tr>
        </thead>
        <tbody>
          {all.slice(0, MOST_MISTAKES).map(({ is, answer, images }) => (
            <tr key={`${is} ${answer}`}>
              <th scope="row">{test.classes[is]?.name}</th>
              <td>{test.classes[answer]?.name}</td>
              <td className="numeric">{images}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableRegion>
  );
}

export interface Mistake {
  /** Places of the classes. */
  is: number;
  answer: number;
  images: number;
}

/** Which classes are taken for which others, the most frequent first. */
export function mistakes({ confusion }: Pick<Test, "confusion">): Mistake[] {
  const found = confusion.flatMap((row, is) => row.flatMap((images, answer) => (is === answer || images === 0 ? [] : [{ is, answer, images }])));
  return found.sort((a, b) => b.images - a.images);
}
