/** Builds the dashboard into `dist/`, which the service hands out. `npm run dev` asks a service on port 8000. */
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const SERVICE = process.env["HWNAS_URL"] ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [react()],
  build: {
    // The content security policy allows no data: URLs.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
  },
  server: { proxy: { "/v1": SERVICE, "/version": SERVICE, "/readyz": SERVICE } },
  test: { environment: "jsdom", include: ["src/**/*.test.{ts,tsx}"] },
});
