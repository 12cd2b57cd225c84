import {
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
} from 'node:fs';
import path from 'node:path';
import { cleanEnvironment, run } from '../npm.ts';
import { ignoring } from './ignore.ts';
import { execForm, variablesOf } from './parse.ts';
import type { Instruction, Stage } from './parse.ts';

/** A stage after its steps: a folder that stands for its file system, and its settings. */
export interface Image {
  readonly root: string;
  workdir: string;
  environment: Readonly<Record<string, string>>;
  user: string;
  ports: readonly string[];
  /** Words; undefined for what is not there or needs a shell. */
  entrypoint: readonly string[] | undefined;
  command: readonly string[] | undefined;
  healthcheck: readonly string[] | undefined;
}

export interface BuildPlace {
  /** The folder that holds the Dockerfile, and its `.dockerignore`. */
  readonly context: string;
  /** Stages become folders in here. */
  readonly scratch: string;
  /** Runs the steps. */
  readonly node: string;
}

/**
 * Runs the steps of a Dockerfile without Docker. Base images count as empty: programs are those of
 * this machine. `RUN` is executed with the stage's working folder as its own.
 *
 * @returns the last stage
 * @throws Error that names the step which failed
 */
export function buildImage(stages: readonly Stage[], place: BuildPlace): Image {
  const images = new Map<string, Image>();
  let image: Image | undefined;
  for (const [index, stage] of stages.entries()) {
    const root = path.join(place.scratch, `stage-${index}`);
    image = startingFrom(images.get(stage.base), root);
    for (const instruction of stage.instructions) {
      try {
        step(instruction, image, images, place);
      } catch (error) {
        const { name, text, line } = instruction;
        throw new Error(`line ${line}, ${name} ${text}:\n${(error as Error).message}`, {
          cause: error,
        });
      }
    }
    images.set(stage.name ?? String(index), image);
  }
  return image as Image;
}

function startingFrom(base: Image | undefined, root: string): Image {
  mkdirSync(root);
  if (base !== undefined) {
    cpSync(base.root, root, { recursive: true, verbatimSymlinks: true });
    return { ...base, root };
  }
  const none = { entrypoint: undefined, command: undefined, healthcheck: undefined };
  return { root, workdir: '/', environment: {}, user: 'root', ports: [], ...none };
}

function step(
  instruction: Instruction,
  image: Image,
  images: ReadonlyMap<string, Image>,
  place: BuildPlace,
): void {
  const { name, text } = instruction;
  switch (name) {
    case 'WORKDIR':
      image.workdir = path.posix.resolve(image.workdir, text);
      mkdirSync(inside(image, image.workdir), { recursive: true });
      return;
    case 'ENV':
      image.environment = { ...image.environment, ...Object.fromEntries(variablesOf(instruction)) };
      return;
    case 'COPY':
      copy(instruction, image, images, place);
      return;
    case 'RUN':
      runStep(text, image, place);
      return;
    case 'USER':
      image.user = text;
      return;
    case 'EXPOSE':
      image.ports = [...image.ports, ...text.split(/\s+/)];
      return;
    case 'HEALTHCHECK':
      image.healthcheck = execForm(text.replace(/^CMD\s+/, ''));
      return;
    case 'ENTRYPOINT':
      image.entrypoint = execForm(text);
      return;
    case 'CMD':
      image.command = execForm(text);
      return;
  }
}

/** Where a path of the image lies on this machine. */
export function inside(image: Image, file: string): string {
  return path.join(image.root, path.posix.resolve(image.workdir, file));
}

function runStep(text: string, image: Image, { node }: BuildPlace): void {
  const words = execForm(text) ?? ['sh', '-c', text];
  const [command = '', ...args] = words;
  const env = { ...cleanEnvironment(node), ...image.environment };
  const ran = run(command, args, { cwd: inside(image, '.'), env, timeoutMs: 900_000 });
  if (ran.status !== 0) throw new Error(`exit code ${ran.status}\n${ran.output}`);
}

/** Source files land below the target when that is a folder, and source folders empty into it. */
function copy(
  { text, flags }: Instruction,
  image: Image,
  images: ReadonlyMap<string, Image>,
  { context }: BuildPlace,
): void {
  const sources = [...(execForm(text) ?? text.split(/\s+/))];
  const target = sources.pop() ?? '';
  if (sources.length > 1 && !target.endsWith('/')) {
    throw new Error('several sources need a target that ends with /');
  }
  const from = flags.from === undefined ? undefined : images.get(flags.from);
  if (flags.from !== undefined && from === undefined) {
    throw new Error(`there is no stage ${flags.from} before this one`);
  }
  const isIgnored = from === undefined ? ignoredIn(context) : () => false;
  for (const source of sources) {
    const start = path.posix.join('.', source.replace(/^\//, ''));
    const base = from?.root ?? context;
    const files = filesUnder(base, start, isIgnored);
    if (files.length === 0) throw new Error(`${source} is not there, or kept out of the build`);
    const place = inside(image, target);
    const isSourceFolder = isFolder(path.join(base, start));
    const goesInto = isSourceFolder || target.endsWith('/') || isFolder(place);
    for (const file of files) {
      const name = isSourceFolder ? path.posix.relative(start, file) : path.posix.basename(file);
      const to = goesInto ? path.join(place, name) : place;
      mkdirSync(path.dirname(to), { recursive: true });
      const found = path.join(base, file);
      if (lstatSync(found).isSymbolicLink()) cpSync(found, to, { verbatimSymlinks: true });
      else copyFileSync(found, to);
    }
  }
}

function isFolder(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isDirectory() === true;
}

function ignoredIn(context: string): (file: string) => boolean {
  const file = path.join(context, '.dockerignore');
  return existsSync(file) ? ignoring(readFileSync(file, 'utf8')) : () => false;
}

/** Paths of a file, or of all files in a folder, relative to `base` and with slashes. */
function filesUnder(
  base: string,
  start: string,
  isIgnored: (file: string) => boolean,
): readonly string[] {
  const found = lstatSync(path.join(base, start), { throwIfNoEntry: false });
  if (found === undefined) return [];
  if (!found.isDirectory()) return isIgnored(start) ? [] : [start];
  return readdirSync(path.join(base, start)).flatMap((name) =>
    filesUnder(base, path.posix.join(start, name), isIgnored),
  );
}
