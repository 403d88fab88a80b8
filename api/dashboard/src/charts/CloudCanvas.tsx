/** The canvas beneath a chart. */
import { useEffect, useRef } from "react";

import { drawCloud, type Scene } from "./cloud";

export function CloudCanvas({ scene }: { scene: Scene }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const drawn = useRef<Scene | null>(null);
  useEffect(() => {
    if (canvas.current === null) return;
    drawCloud(canvas.current, scene, drawn.current);
    drawn.current = scene;
  }, [scene]);
  return <canvas ref={canvas} aria-hidden="true" style={{ width: scene.width, height: scene.height }} />;
}
