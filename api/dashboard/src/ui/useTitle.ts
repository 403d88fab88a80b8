/** The title of the page, from the particular to the general: `useTitle("Search", "digits")` is "Search – digits – hwnas". */
import { useEffect } from "react";

export function useTitle(...parts: readonly (string | null | undefined)[]): void {
  const title = [...parts.filter(Boolean), "hwnas"].join(" – ");
  useEffect(() => {
    document.title = title;
  }, [title]);
}
