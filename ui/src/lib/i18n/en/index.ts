import { desk } from "./desk";
import { frame } from "./frame";
import { office } from "./office";

export const en = { ...frame, ...desk, ...office };
