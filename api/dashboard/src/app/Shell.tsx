/** The frame of all views: header, navigation, and the sign-in page where nobody is signed in. */
import { Suspense, useState } from "react";
import { NavLink, Outlet } from "react-router";

import { LiveRegion } from "../ui/announce";
import { Loading } from "../ui/Notice";
import { ProblemNotice } from "../ui/Problem";
import { SignInDialog, SignInView } from "../views/sign-in/SignInView";
import { Away } from "./Away";
import { useFocusOnNavigation } from "./focus";
import { useSession } from "./session";
import "./shell.css";
import { ThemeSwitch } from "./theme";

export function Shell() {
  const { who, expired } = useSession();
  useFocusOnNavigation();
  const inside = who !== null || expired;
  return (
    <>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <Header signedIn={inside && who !== undefined} />
      <Away />
      <main id="main" tabIndex={-1}>
        {who === undefined && <Loading />}
        {who !== undefined && (inside ? <Views /> : <SignInView />)}
      </main>
      {expired && <SignInDialog />}
      <LiveRegion />
    </>
  );
}

function Views() {
  return (
    <Suspense fallback={<Loading />}>
      <Outlet />
    </Suspense>
  );
}

function Header({ signedIn }: { signedIn: boolean }) {
  const { signOut } = useSession();
  const [error, setError] = useState<unknown>(null);
  return (
    <header className="top">
      <div className="bar">
        <span className="brand">hwnas</span>
        {signedIn && (
          <nav aria-label="Main">
            <NavLink to="/" end>
              Jobs
            </NavLink>
            <NavLink to="/new" end>
              New search
            </NavLink>
            <NavLink to="/new/batch">New batch</NavLink>
            <NavLink to="/models">Models</NavLink>
          </nav>
        )}
        <div className="account">
          <ThemeSwitch />
          {signedIn && (
            <button type="button" onClick={() => void signOut().then(() => setError(null), setError)}>
              Sign out
            </button>
          )}
        </div>
      </div>
      {error !== null && <ProblemNotice error={error} />}
    </header>
  );
}
