/** Asks before something that cannot be undone. The browser's own modal dialog: it keeps the focus, and Escape closes it. */
import { type ReactNode, useId } from "react";

import { ProblemNotice } from "./Problem";
import { useModal } from "./useModal";

interface Props {
  title: string;
  /** What the button says: the verb, such as "Delete". */
  confirm: string;
  /** What the other button says. */
  keep?: string;
  danger?: boolean;
  busy?: boolean;
  error?: unknown;
  onConfirm: () => void;
  onClose: () => void;
  children?: ReactNode;
}

/** Render it while it is open. */
export function ConfirmDialog({ title, confirm, keep = "Keep", danger = false, busy = false, error, onConfirm, onClose, children }: Props) {
  const dialog = useModal();
  const name = useId();
  return (
    <dialog
      ref={dialog}
      aria-labelledby={name}
      onCancel={(event) => {
        event.preventDefault();
        if (!busy) onClose();
      }}
    >
      <h2 id={name}>{title}</h2>
      {children}
      {error != null && <ProblemNotice error={error} />}
      <div className="toolbar">
        <button type="button" onClick={onClose} disabled={busy}>
          {keep}
        </button>
        <button type="button" className={danger ? "danger" : "primary"} onClick={onConfirm} disabled={busy}>
          {confirm}
        </button>
      </div>
    </dialog>
  );
}
