/** How long an update takes, from its first message to the frame that shows it: performance entries named `hwnas:update`. */
import { useEffect } from "react";

import { MESSAGE_MARK } from "../../api/follow";

export const UPDATE_MEASURE = "hwnas:update";
const KEPT = 200;

/** Measures each change of `shown`. */
export function useUpdateTiming(shown: unknown): void {
  useEffect(() => {
    const [mark] = performance.getEntriesByName(MESSAGE_MARK).slice(-1);
    if (mark === undefined) return;
    let after: number | undefined;
    const frame = requestAnimationFrame(() => {
      // A task after the frame's callbacks runs when the frame is on its way to the screen.
      after = window.setTimeout(() => {
        if (performance.getEntriesByName(UPDATE_MEASURE).length > KEPT) performance.clearMeasures(UPDATE_MEASURE);
        performance.measure(UPDATE_MEASURE, { start: mark.startTime, end: performance.now() });
        performance.clearMarks(MESSAGE_MARK);
      });
    });
    return () => {
      cancelAnimationFrame(frame);
      clearTimeout(after);
    };
  }, [shown]);
}
