/** Who is signed in. The key itself is traded for a cookie that scripts cannot read; it is kept nowhere in the page. */
import { useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from "react";

import { api, got, type Schemas, setCsrfToken } from "../api/client";
import { ProblemError } from "../api/problem";

type Who = Schemas["SessionDocument"];

export interface Session {
  /** Undefined while it is asked for; null when nobody is signed in. */
  who: Who | null | undefined;
  /** Whether someone was signed in before: the session expired, or was ended elsewhere. */
  expired: boolean;
  signIn(key: string): Promise<void>;
  signOut(): Promise<void>;
  /** Asks the service who is signed in; false when nobody is. While the service is away nothing changes, and it answers true. */
  check(): Promise<boolean>;
}

const Context = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(Context);
  if (session === null) throw new Error("useSession is used outside of SessionProvider");
  return session;
}

export function SessionProvider({ children }: { children: ReactNode }) {
  const [who, setWho] = useState<Who | null | undefined>(undefined);
  const [expired, setExpired] = useState(false);
  const queries = useQueryClient();

  const check = useCallback(async () => {
    try {
      const found = await got(api.GET("/v1/sessions"));
      setCsrfToken(found.csrf_token);
      setWho((before) => (before?.key_id === found.key_id ? before : found));
      return true;
    } catch (error) {
      if (!(error instanceof ProblemError && error.isSignedOut)) return true;
      setCsrfToken(null);
      setWho((before) => {
        if (before) setExpired(true);
        return null;
      });
      return false;
    }
  }, []);

  useEffect(() => {
    void check();
  }, [check]);

  const session = useMemo<Session>(
    () => ({
      who,
      expired,
      check,
      signIn: async (key) => {
        await got(api.POST("/v1/sessions", { body: { key } }));
        setExpired(false);
        await check();
      },
      signOut: async () => {
        await got(api.DELETE("/v1/sessions"));
        setCsrfToken(null);
        setWho(null);
        queries.clear();
      },
    }),
    [who, expired, check, queries],
  );
  return <Context value={session}>{children}</Context>;
}
