/** Who is signed in. The key itself is traded for a cookie that scripts cannot read; it is kept nowhere in the page. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useMemo } from "react";

import { api, got, type Schemas, setCsrfToken } from "../api/client";
import { ProblemError } from "../api/problem";

export type Who = Schemas["SessionDocument"];
export type Scope = Who["scopes"][number];

export interface Session {
  /** Undefined while it is loading; null when nobody is signed in. */
  readonly who: Who | null | undefined;
  /** Whether someone was signed in before: the session expired, or was ended elsewhere. */
  readonly expired: boolean;
  readonly signIn: (key: string) => Promise<void>;
  readonly signOut: () => Promise<void>;
  /** Asks the service who is signed in; false when nobody is. While the service is away nothing changes, and it answers true. */
  readonly check: () => Promise<boolean>;
}

interface Known {
  who: Who | null;
  /** Who was signed in last, without having signed out. */
  last: Who | null;
}

const QUERY = ["session"] as const;
const Context = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(Context);
  if (session === null) throw new Error("useSession is used outside of SessionProvider");
  return session;
}

/** Whether who is signed in may do something; the service decides, this only avoids a rejection. */
export function useMay(scope: Scope): boolean {
  return useSession().who?.scopes.includes(scope) ?? false;
}

async function readSession(before: Known | undefined): Promise<Known> {
  try {
    const who = await got(api.GET("/v1/sessions"));
    setCsrfToken(who.csrf_token);
    return { who, last: who };
  } catch (error) {
    if (!(error instanceof ProblemError && error.isSignedOut)) throw error;
    setCsrfToken(null);
    return { who: null, last: before?.last ?? null };
  }
}

export function SessionProvider({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const { data } = useQuery({
    queryKey: QUERY,
    queryFn: () => readSession(queries.getQueryData<Known>(QUERY)),
    staleTime: Infinity,
    gcTime: Infinity,
  });

  const actions = useMemo(() => {
    const check = async () => {
      try {
        const known = await queries.query({
          queryKey: QUERY,
          queryFn: () => readSession(queries.getQueryData<Known>(QUERY)),
          staleTime: 0,
          retry: false,
        });
        return known.who !== null;
      } catch {
        return true;
      }
    };
    const signIn = async (key: string) => {
      const who = await got(api.POST("/v1/sessions", { body: { key } }));
      const last = queries.getQueryData<Known>(QUERY)?.last;
      setCsrfToken(who.csrf_token);
      // Of the same tenant, what is shown stays while it is fetched again.
      if (last?.tenant_id !== who.tenant_id) queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== QUERY[0] });
      queries.setQueryData<Known>(QUERY, { who, last: who });
      void queries.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== QUERY[0] });
    };
    const signOut = async () => {
      try {
        await got(api.DELETE("/v1/sessions"));
      } catch (error) {
        if (!(error instanceof ProblemError && error.isSignedOut)) throw error;
      }
      setCsrfToken(null);
      queries.setQueryData<Known>(QUERY, { who: null, last: null });
      queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== QUERY[0] });
    };
    return { check, signIn, signOut };
  }, [queries]);

  const session = useMemo<Session>(
    () => ({ who: data?.who, expired: data?.who === null && data.last !== null, ...actions }),
    [data, actions],
  );
  return <Context value={session}>{children}</Context>;
}
