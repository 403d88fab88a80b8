/**
 * The form and the address, kept alike. The form changes at once, the address a moment later (browsers limit how often it
 * may change); an address that did not come from here, such as a link's, replaces the form.
 */
import { useEffect, useState } from "react";
import { useLocation, useSearchParams } from "react-router";

import type { Form } from "./form";
import { fromQuery, toQuery } from "./query";
import { useSettled } from "./useEstimate";

const PAUSE_MS = 300;
/** Marks in the history what was written here. */
const OWN = { from: "form" };

export function useForm() {
  const [query, setQuery] = useSearchParams();
  const { state } = useLocation() as { state: typeof OWN | null };
  const current = query.toString();
  const [form, setForm] = useState<Form>(() => fromQuery(query));
  const [tab, setTab] = useState(query.get("as"));
  const [seen, setSeen] = useState(current);
  if (current !== seen) {
    setSeen(current);
    if (state?.from !== OWN.from) {
      setForm(fromQuery(query));
      setTab(query.get("as"));
    }
  }
  const settled = useSettled(address(form, tab), PAUSE_MS);
  useEffect(() => {
    setQuery(settled, { replace: true, preventScrollReset: true, state: OWN });
    // Only a change of the form is written; a change of the address is read above.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [settled]);
  return { form, setForm, tab, setTab };
}

function address(form: Form, tab: string | null): string {
  const query = toQuery(form);
  if (tab !== null) query.set("as", tab);
  return query.toString();
}
