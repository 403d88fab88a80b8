/** Copies a text, and says so. */
import { announce } from "./announce";

export function CopyButton({ text, children = "Copy" }: { text: string; children?: string }) {
  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      announce("Copied");
    } catch {
      announce("The browser does not allow copying; select the text instead");
    }
  }
  return (
    <button type="button" className="plain" onClick={() => void copy()}>
      {children}
    </button>
  );
}
