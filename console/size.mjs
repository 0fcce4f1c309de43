// What a browser has to fetch, compressed as the server does it: told after each build, and bounded.

import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const FOLDER = new URL("../patrol/web/static/", import.meta.url);
const MOST_SCRIPT = 350_000; // bytes, without the map's library
const MAP_LIBRARY = "map-library"; // vite.config.ts names it so
const LEVEL = 5; // as in patrol/web/app.py

function compressed(suffix, isCounted = () => true) {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith(suffix) && isCounted(name));
  return names.reduce((sum, name) => sum + gzipSync(readFileSync(new URL(name, FOLDER)), { level: LEVEL }).length, 0);
}

const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
const isOfTheMap = (name) => name.startsWith(MAP_LIBRARY);
const script = compressed(".js", (name) => !isOfTheMap(name));
const library = compressed(".js", isOfTheMap);
console.log(
  `The page, compressed: scripts ${kilobytes(script)} of ${kilobytes(MOST_SCRIPT)}, the map's library ${kilobytes(library)},`,
  `styles ${kilobytes(compressed(".css"))}`,
);
if (script > MOST_SCRIPT) {
  console.error("That is more than a browser may have to fetch.");
  process.exitCode = 1;
}
