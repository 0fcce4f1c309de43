import { readdirSync } from "node:fs";
import { defineConfig } from "vite";

// Where `npm run dev` finds a Patrol that runs: `make demo`, or `python -m tests.web.fake_room` with its port.
const PATROL = process.env.PATROL_ADDRESS ?? "http://127.0.0.1:8476";

export default defineConfig({
  base: "/static/",
  publicDir: false,
  build: {
    outDir: "../patrol/web/static",
    emptyOutDir: true,
    // The server has one flat folder; no file of it is written into another, which the page's policy would refuse.
    assetsDir: "",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The last Chromium that runs on the Windows 7 of many a station.
    target: ["chrome109", "firefox115", "safari16.4"],
    rolldownOptions: { input: readdirSync(import.meta.dirname).filter((name) => name.endsWith(".html")) },
  },
  server: {
    proxy: Object.fromEntries(["/api", "/events", "/evidence"].map((path) => [path, PATROL])),
  },
});
