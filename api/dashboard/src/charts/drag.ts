/** Drawing a box over a chart with the mouse or a pen. A finger scrolls the page instead. */
import { type PointerEvent, type RefObject, useRef, useState } from "react";

import type { Plot } from "./Axes";

const DRAG = 6;

type Place = readonly [left: number, top: number];

/** `onEnd` gets two opposite corners, in pixels of the chart. */
export function useDrag(svg: RefObject<SVGSVGElement | null>, plot: Plot, onEnd: (from: Place, to: Place) => void) {
  const [places, setPlaces] = useState<readonly [Place, Place] | null>(null);
  const wasDrag = useRef(false);

  function place(event: PointerEvent): Place {
    const box = svg.current?.getBoundingClientRect();
    const [left, top] = [event.clientX - (box?.left ?? 0), event.clientY - (box?.top ?? 0)];
    return [Math.min(plot.right, Math.max(plot.left, left)), Math.min(plot.bottom, Math.max(plot.top, top))];
  }

  const moving = places !== null && Math.hypot(places[1][0] - places[0][0], places[1][1] - places[0][1]) >= DRAG;
  return {
    moving,
    dragged: () => wasDrag.current,
    box:
      places === null || !moving
        ? null
        : {
            x: Math.min(places[0][0], places[1][0]),
            y: Math.min(places[0][1], places[1][1]),
            width: Math.abs(places[1][0] - places[0][0]),
            height: Math.abs(places[1][1] - places[0][1]),
          },
    start: (event: PointerEvent) => {
      wasDrag.current = false;
      if (event.pointerType === "touch" || event.button !== 0) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      setPlaces([place(event), place(event)]);
    },
    move: (event: PointerEvent) => {
      if (places !== null) setPlaces([places[0], place(event)]);
    },
    end: () => {
      wasDrag.current = moving;
      if (places !== null && moving) onEnd(places[0], places[1]);
      setPlaces(null);
    },
  };
}
