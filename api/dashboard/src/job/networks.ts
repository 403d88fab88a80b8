/** The trained networks that were uploaded, for searches to start from. */
import { useQuery } from "@tanstack/react-query";

import { api, got } from "../api/client";

export function useNetworks() {
  return useQuery({
    queryKey: ["networks"],
    staleTime: 60_000,
    queryFn: () => got(api.GET("/v1/networks", { params: { query: { page_size: 1000 } } })),
  });
}
