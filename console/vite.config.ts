import { readdirSync, readFileSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";

// Where `npm run dev` finds a Patrol that runs: `make demo`, or `python -m tests.web.fake_room` with its port.
const PATROL = process.env.PATROL_ADDRESS ?? "http://127.0.0.1:8476";
const BASE = "/static/";

// A script that every page runs before it is painted. Vite bundles modules alone, and those run too late.
function beforePaint(source: string): Plugin {
  const name = source.split("/").at(-1) ?? source;
  return {
    name: "before-paint",
    generateBundle() {
      this.emitFile({ type: "asset", name, source: readFileSync(`${import.meta.dirname}/${source}`) });
    },
    transformIndexHtml: {
      order: "post",
      handler(_, { bundle }) {
        const built = Object.values(bundle ?? {}).find((file) => file.type === "asset" && file.names.includes(name));
        return [{ tag: "script", attrs: { src: built ? BASE + built.fileName : `/${source}` }, injectTo: "head" }];
      },
    },
  };
}

export default defineConfig({
  base: BASE,
  publicDir: false,
  plugins: [beforePaint("src/before-paint.js")],
  build: {
    outDir: "../patrol/web/static",
    emptyOutDir: true,
    // The server has one flat folder; no file of it is written into another, which the page's policy would refuse.
    assetsDir: "",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The last Chromium that runs on the Windows 7 of many a station.
    target: ["chrome109", "firefox115", "safari16.4"],
    rolldownOptions: {
      input: readdirSync(import.meta.dirname).filter((name) => name.endsWith(".html")),
      // The map's library is a file of its own, which an update of the page leaves as it is; size.mjs counts it apart.
      output: {
        codeSplitting: { groups: [{ name: "map-library", test: /node_modules\/(ol|rbush|quickselect|earcut|pbf|pmtiles|fflate)\// }] },
      },
    },
  },
  server: {
    proxy: Object.fromEntries(["/api", "/evidence"].map((path) => [path, PATROL])),
  },
});
