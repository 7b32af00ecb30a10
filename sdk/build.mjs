// Builds dist/ with esbuild: `node build.mjs`; with --check it only compares, and says what differs.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const at = (path) => fileURLToPath(new URL(path, import.meta.url)); // a folder may have a space in its name
const { version } = JSON.parse(readFileSync(at("package.json"), "utf8"));
const LARGEST = 5000; // bytes, gzip

async function bundle(entry, format) {
  const { outputFiles } = await build({
    entryPoints: [at(entry)],
    define: { VERSION: JSON.stringify(version) },
    bundle: true,
    minify: true,
    write: false,
    format,
    charset: "utf8",
    tsconfigRaw: "{}",
    target: ["chrome111", "firefox114", "safari16.4"],
  });
  return outputFiles[0].text;
}

const script = await bundle("src/script.js", "iife");
const files = {
  "dist/v1.js": script,
  [`dist/v${version}.js`]: script,
  "dist/segmenthub.mjs": await bundle("src/api.js", "esm"),
};
const size = gzipSync(script, { level: 9 }).length;
if (!process.argv.includes("--check")) console.log(`v1.js: ${script.length} bytes, ${size} gzip`);
if (size > LARGEST) {
  console.error(`The SDK is larger than ${LARGEST} bytes.`);
  process.exitCode = 1;
}
for (const [path, text] of Object.entries(files)) {
  if (!process.argv.includes("--check")) writeFileSync(at(path), text);
  else if (readFileSync(at(path), "utf8") !== text) {
    console.error(`sdk/${path} is not what src/ gives. Run "npm run build" in sdk/.`);
    process.exitCode = 1;
  }
}
