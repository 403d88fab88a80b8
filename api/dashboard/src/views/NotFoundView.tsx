/** For an address that the dashboard does not have. */
import { Link } from "react-router";

import { useTitle } from "../ui/useTitle";

export function NotFoundView() {
  useTitle("Not found");
  return (
    <>
      <h1>There is nothing at this address</h1>
      <p>
        <Link to="/">All jobs</Link>
      </p>
    </>
  );
}
