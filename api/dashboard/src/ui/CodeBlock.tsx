/** Code to read and copy. It scrolls sideways by itself, also with the keyboard. */
import "./code-block.css";

export function CodeBlock({ label, text }: { label: string; text: string }) {
  return (
    // A region that scrolls must be reachable with the keyboard.
    <pre className="code-block" role="region" aria-label={label} tabIndex={0}>
      {text}
    </pre>
  );
}
