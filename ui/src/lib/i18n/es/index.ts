import type { en } from "../en";
import { desk } from "./desk";
import { frame } from "./frame";
import { letters } from "./letters";
import { office } from "./office";

export const es: typeof en = { ...frame, ...desk, ...office, ...letters };
