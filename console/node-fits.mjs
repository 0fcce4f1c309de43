// Whether this Node can build the page: exits with 0 then (package.json, "engines").

const [major, minor] = process.versions.node.split(".").map(Number);
process.exitCode = major > 20 || (major === 20 && minor >= 19) ? 0 : 1;
