/** The model card, as the bundle's README.md has it. */
import { useQuery } from "@tanstack/react-query";

import { CodeBlock } from "../../ui/CodeBlock";
import { Loading } from "../../ui/Notice";
import { ProblemNotice } from "../../ui/Problem";
import { type Model, useText } from "./useModel";

export function Card({ model }: { model: Model }) {
  const text = useText(model, "README.md");
  const html = useQuery({
    queryKey: ["card", text.data],
    enabled: text.data !== undefined,
    staleTime: Infinity,
    queryFn: async () => (await import("./markdown")).safeHtml(text.data ?? ""),
  });
  if (text.isError) return <ProblemNotice error={text.error} again={() => void text.refetch()} />;
  if (html.isError) return <CodeBlock label="Model card" text={text.data ?? ""} />;
  if (html.data === undefined) return <Loading />;
  return <div className="card" dangerouslySetInnerHTML={{ __html: html.data }} />;
}
