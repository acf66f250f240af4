/** Every life, by what it is asked for with: `npm run rehearse -- NAME`. */
import type { Life } from "../life";
import { failures } from "./failures";
import { open, vpc } from "./networks";
import { nodes } from "./nodes";
import { prod, staging } from "./stacks";
import { zones } from "./zones";

export const lives: Record<string, Life> = { staging, prod, vpc, public: open, zones, nodes, failures };
