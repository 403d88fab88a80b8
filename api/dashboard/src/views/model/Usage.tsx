/** The usage of the model, ready to copy. */
import { CodeBlock } from "../../ui/CodeBlock";
import { CopyButton } from "../../ui/CopyButton";
import { inputOf, usage } from "./usage";
import { type Model, parsed, useText } from "./useModel";

export function Usage({ model }: { model: Model }) {
  const text = useText(model, "architecture.json");
  const input = inputOf(parsed(text.data));
  if (input === null) return text.isPending ? null : <p>See the model card.</p>;
  const code = usage(input);
  return (
    <>
      <div className="toolbar">
        <span className="small">
          In the folder of the files, after <code>pip install onnxruntime pillow</code>:
        </span>
        <span className="push">
          <CopyButton text={code} />
        </span>
      </div>
      <CodeBlock label="Python" text={code} />
      <p className="small quiet">
        Input: uint8 pixels 0 to 255, {input.channels === 1 ? "grayscale" : "RGB"}, (batch, {input.channels}, {input.size}, {input.size}); the model scales
        them itself. On the command line: <code>python classify.py photo.png</code>
      </p>
    </>
  );
}
