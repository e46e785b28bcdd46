import { desk } from "./desk";
import { frame } from "./frame";
import { letters } from "./letters";
import { office } from "./office";

export const en = { ...frame, ...desk, ...office, ...letters };
