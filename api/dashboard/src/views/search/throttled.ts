/** A value that changes at most once in an interval: for what is costly to draw. */
import { useEffect, useRef, useState } from "react";

export function useThrottled<T>(value: T, everyMs: number): T {
  const [shown, setShown] = useState(value);
  const newest = useRef(value);
  const timer = useRef<number | undefined>(undefined);
  useEffect(() => {
    newest.current = value;
    timer.current ??= window.setTimeout(() => {
      timer.current = undefined;
      setShown(newest.current);
    }, everyMs);
  }, [value, everyMs]);
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      timer.current = undefined;
    },
    [],
  );
  return shown;
}
