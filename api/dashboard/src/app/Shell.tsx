/** What all views stand in: header, navigation, and the gate that asks for a key first. */
import { Suspense } from "react";
import { NavLink, Outlet } from "react-router";

import { SignInView } from "../views/sign-in/SignInView";
import { useSession } from "./session";

export function Shell() {
  const { who, signOut } = useSession();
  if (who === undefined) return <p role="status">Loading</p>;
  if (who === null) return <SignInView />;
  return (
    <>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <header className="top">
        <nav aria-label="Main">
          <NavLink to="/" end>
            Jobs
          </NavLink>
          <NavLink to="/new">New search</NavLink>
        </nav>
        <button type="button" onClick={() => void signOut()}>
          Sign out
        </button>
      </header>
      <main id="main" tabIndex={-1}>
        <Suspense fallback={<p role="status">Loading</p>}>
          <Outlet />
        </Suspense>
      </main>
    </>
  );
}
