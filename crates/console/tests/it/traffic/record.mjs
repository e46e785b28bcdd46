// Records what a real server says to a `full` and to a `lean` socket while one scenario runs, and what it answers at
// the end. From the repository's root, with socket.io-client installed in NODE_FOLDER:
//   cargo build -p gangway-server
//   GANGWAY_SERVER=target/debug/gangway-server NODE_FOLDER=tests/node node crates/console/tests/it/traffic/record.mjs
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const { io } = createRequire(resolve(process.env.NODE_FOLDER, "x.js"))("socket.io-client");
const here = dirname(fileURLToPath(import.meta.url));
const dir = mkdtempSync(join(tmpdir(), "traffic-"));
const server = spawn(process.env.GANGWAY_SERVER, ["serve", "--listen", "127.0.0.1:0", "--data-dir", dir, "--insecure-open"], { stdio: ["ignore", "pipe", "ignore"] });
process.on("exit", () => { server.kill(); rmSync(dir, { recursive: true, force: true }); });

const line = await new Promise((r) => createInterface({ input: server.stdout }).once("line", r));
const base = `http://${JSON.parse(line).listen}`;
const call = async (method, path, body) => {
  const response = await fetch(base + path, { method, headers: { "content-type": "application/json" }, body: body && JSON.stringify(body) });
  const text = await response.text();
  if (response.status >= 400 && response.status !== 404) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return response.status === 404 ? null : text;
};
const json = async (...args) => JSON.parse(await call(...args));

const listen = (profile) => new Promise((done, failed) => {
  const heard = [];
  const socket = io(base, { query: { profile }, transports: ["websocket"], reconnection: false, forceNew: true });
  socket.onAny((name, ...args) => heard.push({ name, args }));
  socket.once("connect", () => done({ heard, socket }));
  socket.once("connect_error", failed);
});
const before = await call("GET", "/api/sync/snapshot");
const full = await listen("full"), lean = await listen("lean");

// Each event of the specification at least once, on several bands, with a band that is used twice.
const hour = await json("POST", "/api/products", { name: "One hour", price: 12.5, category: "time", timeValueSeconds: 3600 });
const half = await json("POST", "/api/products", { name: "Half an hour", price: 7.25, category: "time", timeValueSeconds: 1800 });
const socks = await json("POST", "/api/products", { name: "Socks", price: 2, category: "extra", required: true });
const sell = (barcodeId, ...products) => json("POST", "/api/checkin", { barcodeId, products: products.map(([product, quantity]) => ({ id: product.id, quantity })) });
await sell("B-1", [hour, 1], [socks, 2]);
await sell("B-2", [half, 1]);
const third = await sell("B-3", [hour, 2]);
await json("POST", "/api/sessions/play", { barcodeId: "B-1" });
await json("POST", "/api/sessions/play", { barcodeId: "B-2" });
await sell("B-1", [half, 1]);
await json("PUT", `/api/products/${hour.id}`, { price: 13 });
await json("POST", "/api/sessions/pause", { barcodeId: "B-1" });
await json("PUT", "/api/system/settings", { maxOccupancy: 2 });
await json("POST", "/api/sessions/play", { barcodeId: "B-3" });
await json("PUT", `/api/transactions/${third.transactions[0].id}`, { quantity: 1, reason: "typed two" });
await json("POST", "/api/sessions/end", { barcodeId: "B-2" });
await sell("B-2", [hour, 1]);
await json("DELETE", `/api/products/${socks.id}`);
await json("PUT", "/api/system/settings", { maxOccupancy: 40, siteName: "Recorded" });

const answers = {
  activeSessions: await json("GET", "/api/sessions/active"), products: await json("GET", "/api/products"),
  systemSettings: await json("GET", "/api/system/settings"), dashboardStats: await json("GET", "/api/dashboard/stats"),
  bands: Object.fromEntries(await Promise.all(["B-1", "B-2", "B-3"].map(async (b) => [b, await json("GET", `/api/sessions/status/${b}`)]))),
};
const head = (await json("GET", "/api/sync/events?after=0&limit=1")).head;
const has = ({ heard }) => heard.some((e) => e.args[1]?.seq === head);
const trailing = () => full.heard.slice(full.heard.findIndex((e) => e.args[1]?.seq === head)).some((e) => e.name === "dashboard:stats:updated");
while (!has(full) || !has(lean) || !trailing()) await new Promise((r) => setTimeout(r, 20));
const lines = ({ heard }) => heard.filter((e) => e.name !== "sync:head").map((e) => JSON.stringify(e)).join("\n") + "\n";
writeFileSync(join(here, "before.ndjson"), before);
writeFileSync(join(here, "full.jsonl"), lines(full));
writeFileSync(join(here, "lean.jsonl"), lines(lean));
writeFileSync(join(here, "answers.json"), `${JSON.stringify(answers, null, 1)}\n`);
console.log(`${full.heard.length} full, ${lean.heard.length} lean, head ${head}`);
process.exit(0);
