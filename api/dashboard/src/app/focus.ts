/** After a navigation the focus goes to the new view's heading, so that a screen reader reads on there. Not at the first load. */
import { useEffect, useRef } from "react";
import { useLocation } from "react-router";

import { announce } from "../ui/announce";

export function useFocusOnNavigation(): void {
  const { pathname } = useLocation();
  const shown = useRef(pathname);
  useEffect(() => {
    if (shown.current === pathname) return;
    shown.current = pathname;
    window.scrollTo(0, 0);
    const heading = document.querySelector<HTMLElement>("main h1");
    if (heading) {
      heading.tabIndex = -1;
      heading.focus({ preventScroll: true });
    } else {
      document.getElementById("main")?.focus({ preventScroll: true });
      announce(document.title);
    }
  }, [pathname]);
}
