import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

const ROOT = join(import.meta.dirname, "..");

export interface Source {
  path: string;
  text: string;
}

/** Our own source files whose path matches `wanted`. */
export function sources(wanted: RegExp): Source[] {
  return readdirSync(ROOT, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .filter((path) => wanted.test(path) && !path.startsWith("ipc/bindings/"))
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), "utf8") }));
}
