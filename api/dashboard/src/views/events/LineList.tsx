/** Lines in a region that scrolls; only those in sight are in the page. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef } from "react";

import type { Line } from "./lines";

const LINE_PX = 26;
const NEAR_END_PX = 40;

interface Props {
  lines: readonly Line[];
  /** Whether the newest line stays in sight. */
  following: boolean;
  /** The reader scrolled away from the end, or back to it. */
  onFollow: (following: boolean) => void;
  /** The line that is marked and brought into sight; -1 for none. */
  at: number;
}

export function LineList({ lines, following, onFollow, at }: Props) {
  const region = useRef<HTMLDivElement>(null);
  // Its functions change with every render, which is what this component wants.
  // eslint-disable-next-line react-hooks/incompatible-library
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => region.current,
    estimateSize: () => LINE_PX,
    getItemKey: (index) => lines[index]?.seq ?? index,
    overscan: 20,
  });
  useEffect(() => {
    if (following && lines.length > 0) virtual.scrollToIndex(lines.length - 1, { align: "end" });
  }, [following, lines.length, virtual]);
  useEffect(() => {
    if (at >= 0) virtual.scrollToIndex(at, { align: "center" });
  }, [at, virtual]);

  const top = useRef(0);
  /** This component only ever scrolls to the end or to a marked line: who scrolls up wants to read there. */
  function onScroll(): void {
    const element = region.current;
    if (element === null) return;
    const up = element.scrollTop < top.current;
    top.current = element.scrollTop;
    const atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_END_PX;
    if (atEnd !== following && (atEnd || up)) onFollow(atEnd);
  }

  return (
    <div
      ref={region}
      className="lines"
      role="region"
      aria-label="Events, oldest first"
      tabIndex={0}
      onScroll={onScroll}
    >
      <ol style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, start, key }) => {
          const line = lines[index];
          return (
            line && (
              <li
                key={key}
                data-index={index}
                data-seq={line.seq}
                ref={virtual.measureElement}
                className={`line ${line.level}${index === at ? " marked" : ""}`}
                style={{ transform: `translateY(${start}px)` }}
                aria-setsize={lines.length}
                aria-posinset={index + 1}
              >
                <time dateTime={line.at} title={line.at}>
                  {clock(line.at)}
                </time>
                <span className="type">{line.type}</span>
                <span className="text">
                  {line.level !== "info" && <strong>{line.level}: </strong>}
                  {line.text}
                </span>
              </li>
            )
          );
        })}
      </ol>
    </div>
  );
}

function clock(at: string): string {
  return new Date(at).toLocaleTimeString(undefined, { hour12: false });
}
