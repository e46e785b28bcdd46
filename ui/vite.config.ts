import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

/** Tests that need a page to stand on; all others run without one, which starts far quicker. */
const ON_A_PAGE = ["src/**/*.test.tsx", "src/ipc/tauri.test.ts", "src/lib/i18n/catalogue.test.ts"];

export default defineConfig({
  plugins: [react()],
  base: "./",
  server: { port: 5173, strictPort: true },
  build: { target: "es2023", sourcemap: false, assetsInlineLimit: 0, chunkSizeWarningLimit: 1_000 },
  test: {
    restoreMocks: true,
    testTimeout: 30_000,
    css: false,
    // One module graph per worker instead of one per file; what a test leaves behind, test/setup.ts clears.
    isolate: false,
    projects: [
      {
        extends: true,
        test: { name: "pure", environment: "node", include: ["src/**/*.test.ts"], exclude: ON_A_PAGE },
      },
      {
        extends: true,
        test: {
          name: "page",
          environment: "jsdom",
          setupFiles: ["./src/test/setup.ts"],
          include: ON_A_PAGE,
        },
      },
    ],
  },
});
