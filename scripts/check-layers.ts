/** Checks that every file of `src/` imports only from its own layer or lower ones. */
import { globSync, readFileSync } from 'node:fs';
