// Stock sockets and consoles beside a stream of commands: deliveries, order, gaps, latency, memory.
// Usage: node load.mjs SERVER_BINARY CONSOLE_BINARY --sockets N --consoles N --rate N --seconds N
// Its last line is one object of JSON.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";
import { io } from "socket.io-client";

const number = (fallback) => ({ type: "string", default: String(fallback) });
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { sockets: number(500), consoles: number(3), rate: number(100), seconds: number(60) },
});
const [serverBinary, consoleBinary] = positionals;
const [sockets, consoles, rate, seconds] = ["sockets", "consoles", "rate", "seconds"].map((name) => Number(values[name]));

const BANDS = 20;
const PATIENCE_MS = 60_000;
const UNLOGGED = new Set(["sync:head", "dashboard:stats:updated", "cart:updated"]);

const folder = isMainThread ? mkdtempSync(join(tmpdir(), "gangway-load-")) : "";
const children = [];
if (isMainThread)
  process.on("exit", () => {
    for (const child of children) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });

function start(binary, args, stdin) {
  const child = spawn(binary, args, { stdio: [stdin, "pipe", "ignore"] });
  children.push(child);
  return { child, lines: createInterface({ input: child.stdout }) };
}

const nextLine = (lines) => new Promise((resolve) => lines.once("line", (line) => resolve(JSON.parse(line))));
const residentMb = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024;

async function until(what, condition) {
  const end = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

// Rates of the server hold for a connection: a few, as from a few desks.
const agent = new Agent({ keepAlive: true, maxSockets: 8 });
function call(base, method, path, body) {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? "" : JSON.stringify(body);
    const headers = body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
    const sent = request(`${base}${path}`, { method, agent, headers }, (response) => {
      let answer = "";
      response.setEncoding("utf8").on("data", (part) => (answer += part));
      response.on("end", () => resolve({ status: response.statusCode, json: answer === "" ? null : JSON.parse(answer) }));
    });
    sent.on("error", reject).end(text);
  });
}

/** One stock socket: counts what it receives, and looks at the order of it. */
class Receiver {
  constructor(base) {
    this.received = 0;
    this.gaps = 0;
    this.outOfOrder = 0;
    this.latencies = [];
    this.seq = null;
    this.socket = io(base, { transports: ["websocket"], reconnection: false, forceNew: true });
    this.connected = new Promise((resolve, reject) => this.socket.once("connect", resolve).once("connect_error", reject));
    this.closed = false;
    this.socket.on("disconnect", () => (this.closed = true));
    this.socket.onAny((name, _payload, meta) => this.receive(name, meta));
  }

  receive(name, meta) {
    if (UNLOGGED.has(name)) return;
    if (this.seq !== null && meta.seq <= this.seq) this.outOfOrder += 1;
    else if (this.seq !== null && meta.prev !== this.seq) this.gaps += 1;
    this.seq = meta.seq;
    this.received += 1;
    this.latencies.push(Date.now() - Date.parse(meta.emittedAt));
  }
}

/** What a busy venue does: mostly sales, some boarding, now and then a price. */
function command(index, products, playing) {
  const band = `L-${index % BANDS}`;
  const kind = index % 20;
  if (kind === 7) return ["PUT", `/api/products/${products[1]}`, { price: Number((1 + (index % 500) / 100).toFixed(2)) }];
  if (kind === 3 || kind === 13) {
    const verb = playing.has(band) ? "pause" : "play";
    playing[verb === "play" ? "add" : "delete"](band);
    return ["POST", `/api/sessions/${verb}`, { barcodeId: band }];
  }
  return ["POST", "/api/checkin", { barcodeId: band, products: [{ id: products[kind % 2], quantity: 1 }] }];
}

/** Sends from a thread of its own: the clients of this one must not slow the stream that they listen to. */
function sendFromAside(base, products) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { base, products, rate, seconds } });
    worker.once("message", resolve).once("error", reject);
  });
}

async function sendCommands({ base, products, rate, seconds }) {
  const refused = [];
  const underway = new Set();
  const playing = new Set();
  const began = Date.now();
  for (let index = 0; index < rate * seconds; index += 1) {
    const due = began + (index * 1000) / rate;
    if (due > Date.now()) await new Promise((resolve) => setTimeout(resolve, due - Date.now()));
    const [method, path, body] = command(index, products, playing);
    const sent = call(base, method, path, body).then((answer) => {
      if (answer.status >= 300) refused.push(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.json)}`);
      underway.delete(sent);
    });
    underway.add(sent);
  }
  await Promise.all(underway);
  return { refused, tookMs: Date.now() - began };
}

async function startConsoles(base) {
  const started = [];
  for (let index = 0; index < consoles; index += 1) {
    const args = ["--server", base, "--data-dir", join(folder, `console-${index}`)];
    const { child, lines } = start(consoleBinary, args, "pipe");
    const status = async () => {
      child.stdin.write(`${JSON.stringify({ id: "s", op: "status" })}\n`);
      return nextLine(lines);
    };
    await until("a live console", async () => (await status()).link === "live");
    started.push({ pid: child.pid, status });
  }
  return started;
}

const percentile = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];

async function main() {
  const { child, lines } = start(serverBinary, ["serve", "--listen", "127.0.0.1:0", "--data-dir", join(folder, "server"), "--insecure-open"], "ignore");
  const base = `http://${(await nextLine(lines)).listen}`;
  const products = [];
  for (const product of [{ name: "Hour", price: 12.5, timeValueSeconds: 3600 }, { name: "Socks", price: 2 }])
    products.push((await call(base, "POST", "/api/products", { ...product, category: "c" })).json.id);
  for (let band = 0; band < BANDS; band += 1)
    await call(base, "POST", "/api/checkin", { barcodeId: `L-${band}`, products: [{ id: products[0], quantity: 1 }] });
  const desks = await startConsoles(base);
  const receivers = [];
  for (let index = 0; index < sockets; index += 1) {
    receivers.push(new Receiver(base));
    if (index % 50 === 49) await Promise.all(receivers.map((receiver) => receiver.connected));
  }
  await Promise.all(receivers.map((receiver) => receiver.connected));
  const headBefore = (await call(base, "GET", "/api/sync/events?after=0&limit=1")).json.head;
  const memory = () => ({ server: residentMb(child.pid), console: Math.max(...desks.map((desk) => residentMb(desk.pid))), clients: residentMb(process.pid) });
  const memoryBefore = memory();
  const { refused, tookMs } = await sendFromAside(base, products);
  const head = (await call(base, "GET", "/api/sync/events?after=0&limit=1")).json.head;
  const events = head - headBefore;
  let late = 0;
  await until("every socket has every event", () => receivers.every((receiver) => receiver.seq === head || receiver.closed)).catch(() => (late = 1));
  const statuses = [];
  for (const desk of desks) {
    await until("every console has every event", async () => (await desk.status()).cursor === head).catch(() => (late = 1));
    statuses.push(await desk.status());
  }
  const latencies = receivers.flatMap((receiver) => receiver.latencies).sort((a, b) => a - b);
  const sum = (field) => receivers.reduce((total, receiver) => total + receiver[field], 0);
  console.log(
    JSON.stringify({
      sockets, consoles, rate, seconds, commands: rate * seconds, refused: refused.length, firstRefusal: refused[0] ?? null, tookMs, events,
      expectedDeliveries: events * sockets, deliveries: sum("received"), gaps: sum("gaps"), outOfOrder: sum("outOfOrder"),
      closed: receivers.filter((receiver) => receiver.closed).length, late,
      latencyMsP50: percentile(latencies, 0.5), latencyMsP99: percentile(latencies, 0.99), latencyMsMax: latencies.at(-1),
      consolesInOrder: statuses.filter((status) => status.cursor === head).length,
      consoleGaps: statuses.reduce((total, status) => total + (status.metrics?.gaps ?? 0), 0),
      memoryMbBefore: memoryBefore, memoryMbAfter: memory(),
    }),
  );
  for (const receiver of receivers) receiver.socket.close();
  process.exit(0);
}

if (isMainThread) {
  main().catch((error) => {
    console.error(error);
    process.exit(1);
  });
} else {
  parentPort.postMessage(await sendCommands(workerData));
}
