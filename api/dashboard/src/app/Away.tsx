/** Says that the service cannot be reached, tries until it can, and then fetches everything on the page again. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useSyncExternalStore } from "react";

import { api } from "../api/client";
import { isAway, onReach } from "../api/reach";

const TRY_EVERY_MS = 2000;

export function Away() {
  const away = useSyncExternalStore(onReach, isAway);
  const queries = useQueryClient();
  useEffect(() => {
    if (!away) return;
    const timer = setInterval(() => {
      void api.GET("/livez").then(
        () => queries.invalidateQueries(),
        () => undefined, // still away
      );
    }, TRY_EVERY_MS);
    return () => clearInterval(timer);
  }, [away, queries]);
  return (
    <div role="status" className="away">
      {away && <p>The service cannot be reached; trying again. The data shown may be old.</p>}
    </div>
  );
}
