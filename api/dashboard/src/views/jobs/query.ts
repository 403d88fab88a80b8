/** Which jobs the list shows, as its address says it: filters and order. */
import { useInfiniteQuery } from "@tanstack/react-query";

import { api, gotAs, type Schemas } from "../../api/client";
import { hasEnded } from "../../job/describe";
import { labelProblem } from "../../job/labels";

export const STATES = ["queued", "running", "paused", "cancelling", "cancelled", "succeeded", "failed"] as const;
export const ORDERS = ["-created_at", "created_at", "state", "-state"] as const;
export type Order = (typeof ORDERS)[number];

export interface JobFilters {
  state: string;
  kind: string;
  target: string;
  label: string;
  order: Order;
}

/** Of an address; what it does not say is empty, what the API would reject is left out. */
export function filtersOf(params: URLSearchParams): JobFilters {
  const order = params.get("order");
  return {
    state: params.get("state") ?? "",
    kind: params.get("kind") ?? "",
    target: params.get("target") ?? "",
    label: params.get("label") ?? "",
    order: ORDERS.find((one) => one === order) ?? "-created_at",
  };
}

export function isFiltered({ state, kind, target, label }: JobFilters): boolean {
  return [state, kind, target, label].some(Boolean);
}

const TARGET = /^[a-z][a-z0-9_.-]{0,199}$/;

/** What is wrong with the filter by target. */
export function targetProblem(target: string): string | null {
  return target === "" || TARGET.test(target) ? null : "The name of a target, without its options: cpu";
}

export function labelFilterProblem(label: string): string | null {
  return label === "" ? null : labelProblem(label);
}

const PAGE = 50;
const LIVE_MS = 3000;
const IDLE_MS = 15_000;
const MANY_PAGES = 4;

/** The jobs by pages. While one of them may change they are fetched again every few seconds, as long as the page is visible. */
export function useJobs({ state, kind, target, label, order }: JobFilters) {
  const filter = {
    ...(state && { state: state as Schemas["JobDocument"]["state"] }),
    ...(kind && { kind: kind as Schemas["JobDocument"]["kind"] }),
    ...(targetProblem(target) === null && target && { target }),
    ...(labelFilterProblem(label) === null && label && { label: [label] }),
  };
  return useInfiniteQuery({
    queryKey: ["jobs", "list", filter, order],
    initialPageParam: "",
    queryFn: ({ pageParam, signal }) => {
      const query = { ...filter, order_by: order, page_size: PAGE, ...(pageParam && { page_token: pageParam }) };
      return gotAs<Schemas["JobPage"]>(api.GET("/v1/jobs", { params: { query }, signal }));
    },
    getNextPageParam: (page) => page.next_page_token,
    refetchInterval: ({ state: { data } }) => {
      const pages = data?.pages ?? [];
      const live = pages.some((page) => page.items.some((job) => !hasEnded(job.state)));
      return live && pages.length <= MANY_PAGES ? LIVE_MS : IDLE_MS;
    },
  });
}
