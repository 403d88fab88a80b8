/** Replaces a view that failed: an error in this page, or a part of it that could not be loaded. */
import { useEffect, useState } from "react";
import { useRouteError } from "react-router";

import { api } from "../api/client";
import { announce } from "../ui/announce";
import { useTitle } from "../ui/useTitle";

export function Broken() {
  const error = useRouteError();
  const [isTrying, setIsTrying] = useState(false);
  const [isAway, setIsAway] = useState(false);
  useTitle("Error");
  useEffect(() => console.error(error), [error]);
  // After an update of the service the parts of an older page are no longer there.
  const notLoaded = error instanceof TypeError && error.message.includes("module");

  /** Only once the service answers: a page that is loaded while it is away would be the browser's own error. */
  async function again(): Promise<void> {
    setIsTrying(true);
    try {
      await api.GET("/livez");
      window.location.reload();
    } catch {
      setIsAway(true);
      setIsTrying(false);
      announce("The service cannot be reached");
    }
  }

  return (
    <>
      <h1 tabIndex={-1}>{notLoaded ? "This view could not be loaded" : "This view has failed"}</h1>
      <p>
        {isAway
          ? "The service cannot be reached. Try again when it is available."
          : notLoaded
            ? "The service cannot be reached, or it was updated since this page was opened."
            : "The error is in the page; your jobs keep running. The browser's console has the details."}
      </p>
      <button type="button" className="primary" aria-disabled={isTrying} onClick={() => void (isTrying || again())}>
        {isTrying ? "Trying" : "Try again"}
      </button>
    </>
  );
}

/** In place of the whole page, when its frame failed. */
export function BrokenPage() {
  return (
    <main id="main" tabIndex={-1}>
      <Broken />
    </main>
  );
}
