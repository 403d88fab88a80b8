/** Exchanges a key for a session: as a page at first, as a dialog over the view when a session has ended. */
import { type SubmitEvent, useRef, useState } from "react";

import { ProblemError } from "../../api/problem";
import { useSession } from "../../app/session";
import { Field } from "../../ui/Field";
import { ProblemNotice } from "../../ui/Problem";
import { useModal } from "../../ui/useModal";
import { useTitle } from "../../ui/useTitle";
import "./sign-in.css";

export function SignInView() {
  useTitle("Sign in");
  return (
    <div className="sign-in">
      <h1>Sign in</h1>
      <SignInForm />
      <section aria-labelledby="where">
        <h2 id="where">Where to find a key</h2>
        <p>
          The first start of <code>hwnas serve</code> shows the first key once on its terminal. Without a terminal, the key is in the file{" "}
          <code>first-key</code> of the service's home folder, which only its owner can read.
        </p>
        <p>
          <code>hwnas keys create</code> creates another one.
        </p>
      </section>
    </div>
  );
}

/** Signing in again leaves the view below as it was. */
export function SignInDialog() {
  const dialog = useModal();
  return (
    <dialog ref={dialog} aria-labelledby="sign-in-again" onCancel={(event) => event.preventDefault()}>
      <h2 id="sign-in-again">Sign in again</h2>
      <p>The session has ended. After signing in, this view continues where it was.</p>
      <SignInForm />
    </dialog>
  );
}

function SignInForm() {
  const { signIn } = useSession();
  const [key, setKey] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const input = useRef<HTMLInputElement>(null);
  const wrong = error instanceof ProblemError && [401, 422].includes(error.problem.status) ? error.problem.detail : null;

  async function submit(event: SubmitEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await signIn(key.trim());
    } catch (problem) {
      setError(problem);
      setBusy(false);
      input.current?.focus();
    }
  }

  return (
    <form onSubmit={(event) => void submit(event)}>
      <Field label="Key" hint="It begins with nas_" error={wrong}>
        {(control) => (
          <input
            {...control}
            ref={input}
            type="password"
            autoComplete="current-password"
            spellCheck={false}
            required
            maxLength={200}
            value={key}
            onChange={(event) => setKey(event.target.value)}
          />
        )}
      </Field>
      {error !== null && wrong === null && <ProblemNotice error={error} />}
      <div className="toolbar">
        <button type="submit" className="primary" disabled={busy}>
          Sign in
        </button>
      </div>
    </form>
  );
}
