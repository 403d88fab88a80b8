/** The links between the views of one thing, such as those of a job. */
import { NavLink } from "react-router";

export interface ViewLink {
  to: string;
  name: string;
  /** Whether only this very address is the view, not those below it. */
  end?: boolean;
}

export function ViewLinks({ label, links }: { label: string; links: readonly ViewLink[] }) {
  return (
    <nav className="tabs" aria-label={label}>
      {links.map(({ to, name, end = false }) => (
        <NavLink key={to} to={to} end={end}>
          {name}
        </NavLink>
      ))}
    </nav>
  );
}
