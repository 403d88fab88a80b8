/** Stands in place of a view that failed: a mistake in this page, or a part of it that could not be loaded. */
import { useEffect } from "react";
import { Link, useRouteError } from "react-router";

import { useTitle } from "../ui/useTitle";

export function Broken() {
  const error = useRouteError();
  useTitle("Error");
  useEffect(() => console.error(error), [error]);
  // After an update of the service the parts of an older page are no longer there.
  const notLoaded = error instanceof TypeError && error.message.includes("module");
  return (
    <main id="main" tabIndex={-1}>
      <h1>{notLoaded ? "A part of this page could not be loaded" : "This view has failed"}</h1>
      <p>
        {notLoaded
          ? "The service cannot be reached, or it was updated since this page was opened."
          : "The mistake is in the page, not in your jobs: they go on. The browser's console has the details."}
      </p>
      <p className="toolbar">
        <button type="button" className="primary" onClick={() => window.location.reload()}>
          Load the page again
        </button>
        <Link to="/">All jobs</Link>
      </p>
    </main>
  );
}
