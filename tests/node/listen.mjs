// A stock client: writes each event that it receives as a line ["name", [arguments]].
// Usage: AUTH={"token":…} node listen.mjs BASE QUERY TRANSPORTS
import { io } from "socket.io-client";

const [base, query, transports] = process.argv.slice(2);
const socket = io(base, {
  query: Object.fromEntries(new URLSearchParams(query)),
  transports: transports.split(","),
  auth: JSON.parse(process.env.AUTH ?? "{}"),
  reconnection: false,
});
const write = (name, args) => process.stdout.write(`${JSON.stringify([name, args])}\n`);
socket.onAny((name, ...args) => write(name, args));
socket.on("connect", () => write("(connected)", []));
socket.on("disconnect", (reason) => write("(closed)", [reason]));
socket.on("connect_error", (error) => {
  process.stderr.write(`${error.message}\n`);
  write("(refused)", [error.message]);
});
// It ends with the test that started it, however that ends.
process.stdin.on("end", () => process.exit(0)).resume();
