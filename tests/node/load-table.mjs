// Puts the report of load.mjs (in the variable REPORT) as a table between the markers of a page.
// Usage: REPORT='{…}' node load-table.mjs PAGE
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";

const report = JSON.parse(process.env.REPORT);
const page = process.argv[2];
const mb = (value) => `${value.toFixed(1)} MB`;
const before = report.memoryMbBefore;
const after = report.memoryMbAfter;
const rows = [
  ["Measured on", `${cpus().length} × ${cpus()[0].model.trim()}, ${new Date().toISOString().slice(0, 10)}`],
  ["Stock sockets / consoles", `${report.sockets} / ${report.consoles}`],
  ["Commands", `${report.commands} in ${(report.tookMs / 1000).toFixed(1)} s (${report.refused} refused)`],
  ["Events logged", report.events],
  ["Deliveries to stock sockets", `${report.deliveries} of ${report.expectedDeliveries}`],
  ["Gaps / out of order / closed sockets", `${report.gaps} / ${report.outOfOrder} / ${report.closed}`],
  ["Commit to receipt, p50 / p99 / max", `${report.latencyMsP50} / ${report.latencyMsP99} / ${report.latencyMsMax} ms`],
  ["Consoles with every event / their gaps", `${report.consolesInOrder} of ${report.consoles} / ${report.consoleGaps}`],
  ["Server memory, start / end", `${mb(before.server)} / ${mb(after.server)}`],
  ["Largest console's memory, start / end", `${mb(before.console)} / ${mb(after.console)}`],
  [`Memory of the ${report.sockets} stock clients (one Node process), start / end`, `${mb(before.clients)} / ${mb(after.clients)}`],
];
const table = ["| | |", "|---|---|", ...rows.map(([name, value]) => `| ${name} | ${value} |`)].join("\n");
const text = readFileSync(page, "utf8");
const [start, end] = ["<!-- load:start -->", "<!-- load:end -->"];
const from = text.indexOf(start) + start.length;
const to = text.indexOf(end);
if (to < from) throw new Error(`${page} has no markers ${start} … ${end}`);
writeFileSync(page, `${text.slice(0, from)}\n${table}\n${text.slice(to)}`);
