/** One tab stop for a row of named things: arrow keys move along it, Home and End go to its ends, Enter or Space chooses, Escape leaves. */
import { type KeyboardEvent, useId, useState } from "react";

export interface Roving {
  /** Index of the thing that is pointed at; null when none is. */
  active: number | null;
  setActive: (index: number | null) => void;
  /** The id that the thing at an index must have. */
  idOf: (index: number) => string;
  /** Props of the element with the tab stop, the role `listbox`. */
  list: {
    tabIndex: 0;
    "aria-activedescendant": string | undefined;
    onKeyDown: (event: KeyboardEvent) => void;
    onFocus: () => void;
  };
}

/** Where a key leads from `active`; undefined for keys that do not move. */
export function moved(key: string, active: number | null, count: number): number | null | undefined {
  if (count === 0) return undefined;
  const at = active ?? -1;
  switch (key) {
    case "ArrowRight":
    case "ArrowDown":
      return Math.min(count - 1, at + 1);
    case "ArrowLeft":
    case "ArrowUp":
      return Math.max(0, at - 1);
    case "PageDown":
      return Math.min(count - 1, at + 10);
    case "PageUp":
      return Math.max(0, at - 10);
    case "Home":
      return 0;
    case "End":
      return count - 1;
    case "Escape":
      return null;
    default:
      return undefined;
  }
}

/** `vertical` and `horizontal` keys do the same, since points of a front lie both ways. */
export function useRoving(count: number, onSelect?: (index: number) => void): Roving {
  const id = useId();
  const idOf = (index: number): string => `${id}-${index}`;
  const [chosen, setActive] = useState<number | null>(null);
  const active = chosen !== null && chosen < count ? chosen : null;
  const list: Roving["list"] = {
    tabIndex: 0,
    "aria-activedescendant": active === null ? undefined : idOf(active),
    onFocus: () => {
      if (active === null && count > 0) setActive(0);
    },
    onKeyDown: (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if ((event.key === "Enter" || event.key === " ") && active !== null && onSelect) {
        event.preventDefault();
        onSelect(active);
        return;
      }
      const next = moved(event.key, active, count);
      if (next === undefined) return;
      event.preventDefault();
      setActive(next);
    },
  };
  return { active, setActive, idOf, list };
}
