/** One instruction of a Dockerfile. */
export interface Instruction {
  /** In capitals. */
  readonly name: string;
  /** `--from=build` as `from: 'build'`. */
  readonly flags: Readonly<Record<string, string>>;
  /** All that follows, on one line. */
  readonly text: string;
  /** Where it begins, from 1. */
  readonly line: number;
}

/** From one FROM to the next. */
export interface Stage {
  readonly base: string;
  /** What later stages call it, when it has a name. */
  readonly name: string | undefined;
  readonly instructions: readonly Instruction[];
}

/** The instructions that are understood, each with the flags that are. */
const known: Readonly<Record<string, readonly string[]>> = {
  FROM: [],
  WORKDIR: [],
  COPY: ['from'],
  RUN: [],
  ENV: [],
  USER: [],
  EXPOSE: [],
  LABEL: [],
  HEALTHCHECK: ['interval', 'timeout', 'start-period', 'retries'],
  ENTRYPOINT: [],
  CMD: [],
};

/**
 * Reads a Dockerfile: comments, continued lines, flags, stages. Heredocs, ARG and other parts that
 * are not needed here are refused rather than misread.
 *
 * @throws Error with the number of the line for what is malformed or not understood
 */
export function parseDockerfile(text: string): readonly Stage[] {
  const stages: { base: string; name: string | undefined; instructions: Instruction[] }[] = [];
  for (const instruction of instructionsOf(text)) {
    if (instruction.name !== 'FROM') {
      const stage = stages.at(-1);
      if (stage === undefined) throw problem(instruction.line, 'comes before the first FROM');
      stage.instructions.push(instruction);
      continue;
    }
    const [, base = '', name] = /^(\S+)(?:\s+as\s+(\S+))?$/i.exec(instruction.text) ?? [];
    if (base === '') throw problem(instruction.line, 'must read FROM IMAGE [AS NAME]');
    stages.push({ base, name, instructions: [] });
  }
  if (stages.length === 0) throw new Error('the Dockerfile has no FROM');
  return stages;
}

/** The words of a JSON array of strings, which Docker starts without a shell; undefined for others. */
export function execForm(text: string): readonly string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const words: unknown = JSON.parse(text);
    const isExec = Array.isArray(words) && words.every((word) => typeof word === 'string');
    return isExec ? words : undefined;
  } catch {
    return undefined;
  }
}

/** The variables of an ENV or LABEL, `NAME=value` or `NAME="a value"`. */
export function variablesOf({ text, line }: Instruction): ReadonlyMap<string, string> {
  const pattern = /([\w.]+)=(?:"([^"\\$]*)"|([^\s"'\\$]*))(?:\s+|$)/y;
  const variables = new Map<string, string>();
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text);
    if (match === null) throw problem(line, 'must hold NAME=value, without $ or \\');
    variables.set(match[1] as string, match[2] ?? (match[3] as string));
  }
  return variables;
}

function problem(line: number, what: string): Error {
  return new Error(`Dockerfile, line ${line}: ${what}`);
}

function instructionsOf(text: string): readonly Instruction[] {
  const instructions: Instruction[] = [];
  let begun: { whole: string; line: number } | undefined;
  for (const [index, untrimmed] of text.split(/\r?\n/).entries()) {
    const part = untrimmed.trim();
    // Also between the lines of an instruction.
    if (part === '' || part.startsWith('#')) continue;
    begun ??= { whole: '', line: index + 1 };
    begun.whole += part.replace(/\s*\\$/, ' ');
    if (part.endsWith('\\')) continue;
    instructions.push(instructionFrom(begun.whole, begun.line));
    begun = undefined;
  }
  if (begun !== undefined) throw problem(begun.line, 'ends in the middle');
  return instructions;
}

function instructionFrom(whole: string, line: number): Instruction {
  const [, word = '', rest = ''] = /^([a-z]+)\s+(.*)$/is.exec(whole) ?? [];
  const name = word.toUpperCase();
  const allowed = known[name];
  if (allowed === undefined) throw problem(line, `cannot be run here: ${whole}`);
  if (/<<-?\w/.test(rest)) throw problem(line, 'has a heredoc, which cannot be run here');
  const flags: Record<string, string> = {};
  let text = rest;
  for (let match; (match = /^--([a-z-]+)=(\S+)\s+/.exec(text)) !== null;) {
    const [all, flag = '', value = ''] = match;
    if (!allowed.includes(flag)) throw problem(line, `cannot be run here with --${flag}`);
    flags[flag] = value;
    text = text.slice(all.length);
  }
  return { name, flags, text, line };
}
