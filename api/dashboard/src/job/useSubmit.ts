/** Submits a job once, however often the button is pressed (the same request has the same `Idempotency-Key`), and opens its page. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef } from "react";
import { useNavigate } from "react-router";

import { api, got, type Schemas } from "../api/client";
import { isTransient } from "../api/problem";
import { announce } from "../ui/announce";

export function useSubmit() {
  const sent = useRef<{ body: string; key: string }>(null);
  const navigate = useNavigate();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (spec: Schemas["JobCreate"]["spec"]) => {
      const body = JSON.stringify(spec);
      if (sent.current?.body !== body) sent.current = { body, key: freshKey() };
      const header = { "idempotency-key": sent.current.key };
      const answer = await got(api.POST("/v1/jobs", { params: { header }, body: { spec } }));
      if (!("id" in answer)) throw new Error("The service answered without a job.");
      return answer;
    },
    retry: (failures, error) => failures < 3 && isTransient(error),
    onSuccess: async (job) => {
      announce("Queued");
      void queries.invalidateQueries({ queryKey: ["jobs"] });
      await navigate(`/jobs/${job.id}`);
    },
  });
}

/** 128 random bits. `crypto.randomUUID` is not there over plain HTTP. */
function freshKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (one) => one.toString(16).padStart(2, "0")).join("");
}
