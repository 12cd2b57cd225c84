import { readFileSync, readdirSync } from 'node:fs';
import { sep } from 'node:path';
import path from 'node:path/posix';
import ts from 'typescript';

/**
 * The layers of `src/`, from the top down. A file may import from its own layer and from lower
 * ones; type imports count too. The leaves are files at the root of `src/` and form one layer.
 */
export const layers = [
  'cli',
  'index',
  'dashboard',
  'server',
  'experiments',
  'simulator',
  'serving',
  'models',
  'engines',
  'batching',
  'scaling',
  'estimation',
  'zoo',
  'datasets',
  'oip',
  'workload',
  'telemetry',
  'tensor',
  'leaves',
] as const;

export type Layer = (typeof layers)[number];

/** Layers that never see each other, whatever their order: `serving/` joins them. */
const strangers: readonly Layer[] = ['engines', 'batching', 'scaling'];

/** Folders inside a layer that build on each other, the lowest first: a file belongs to the first that holds it. */
const rooms = ['src/scaling/joint/model', 'src/scaling/joint/knowledge', 'src/scaling/joint'];

const leaves = [
  'errors',
  'units',
  'clock',
  'random',
  'operating-point',
  'slo',
  'csv',
  'package-data',
];

/** One import that breaks a rule, or one file that has no layer. */
export interface LayerViolation {
  /** Relative to the root of the package, with `/`. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** The module specifier as written; absent when the file itself is at fault. */
  readonly specifier?: string;
  readonly rule: string;
}

/** `src/serving/loop.ts:3: '../cli/main.ts': serving/ may not import from cli/, a higher layer`. */
export function formatViolation(violation: LayerViolation): string {
  const specifier = violation.specifier === undefined ? '' : `'${violation.specifier}': `;
  return `${violation.file}:${violation.line}: ${specifier}${violation.rule}`;
}

/**
 * Checks every source file under `src/` of the package at `root`.
 *
 * @throws Error when there are none, so that a wrong root is not taken for a clean one
 */
export function checkProject(root: string): { files: number; violations: LayerViolation[] } {
  const { name } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    name: string;
  };
  const files = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .map((file) => `src/${file.replaceAll(sep, '/')}`)
    .filter((file) => /\.[cm]?[jt]s$/.test(file))
    .sort();
  if (files.length === 0) throw new Error(`no source files under ${root}/src`);
  const violations = files.flatMap((file) =>
    checkFile(file, readFileSync(path.join(root, file), 'utf8'), name),
  );
  return { files: files.length, violations };
}

/**
 * Checks the imports of one file.
 *
 * @param file path relative to the root of the package, with `/`, such as `src/zoo/index.ts`
 * @param packageName the package's own name, by which a file must not import its neighbours
 */
export function checkFile(file: string, source: string, packageName: string): LayerViolation[] {
  if (file.endsWith('.test.ts')) return [];
  const from = layerOf(file);
  if (from === undefined) return [{ file, line: 1, rule: noLayer(file) }];
  const violations: LayerViolation[] = [];
  for (const { specifier, line } of importsOf(file, source)) {
    const rule = brokenRule(file, from, specifier, packageName);
    if (rule !== undefined) violations.push({ file, line, specifier, rule });
  }
  return violations;
}

function brokenRule(
  file: string,
  from: Layer,
  specifier: string,
  packageName: string,
): string | undefined {
  if (specifier === packageName || specifier.startsWith(`${packageName}/`)) {
    return 'src/ imports its own files by relative path, so that layers can be checked';
  }
  if (!specifier.startsWith('.')) return undefined;
  const target = path.join(path.dirname(file), specifier);
  if (!target.startsWith('src/')) return 'src/ may not import from outside src/';
  if (/\.test\.[jt]s$/.test(target)) return 'only tests may import from tests';
  const to = layerOf(target);
  if (to === undefined) return noLayer(target);
  if (from !== to && strangers.includes(from) && strangers.includes(to)) {
    return `${strangers.map(show).join(', ')} never import each other; serving/ joins them`;
  }
  if (layers.indexOf(to) < layers.indexOf(from)) {
    return `${show(from)} may not import from ${show(to)}, a higher layer`;
  }
  const [room, other] = [roomOf(file), roomOf(target)];
  if (room !== -1 && other > room) {
    return `${rooms[room]}/ may not import from ${rooms[other]}/, which builds on it`;
  }
  return undefined;
}

function roomOf(file: string): number {
  return rooms.findIndex((room) => file.startsWith(`${room}/`));
}

function layerOf(file: string): Layer | undefined {
  const [, folder = '', ...rest] = file.split('/');
  if (rest.length > 0) return layers.find((layer) => layer === folder && isFolder(layer));
  const name = folder.replace(/\.[cm]?[jt]s$/, '');
  if (name === 'index') return 'index';
  return leaves.includes(name) ? 'leaves' : undefined;
}

function noLayer(file: string): string {
  const folder = file.split('/').slice(0, 2).join('/');
  return `${folder} belongs to no layer; give it its place in scripts/layers.ts`;
}

function isFolder(layer: Layer): boolean {
  return layer !== 'leaves' && layer !== 'index';
}

function show(layer: Layer): string {
  if (layer === 'index') return 'src/index.ts';
  return layer === 'leaves' ? 'a leaf' : `${layer}/`;
}

/** Every module a file names, in order: imports, re-exports, `import()` calls and types, `require`. */
export function importsOf(file: string, source: string): { specifier: string; line: number }[] {
  const tree = ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true);
  const found: { specifier: string; line: number }[] = [];
  const visit = (node: ts.Node): void => {
    const specifier = specifierOf(node);
    if (specifier !== undefined && ts.isStringLiteralLike(specifier)) {
      const { line } = tree.getLineAndCharacterOfPosition(specifier.getStart(tree));
      found.push({ specifier: specifier.text, line: line + 1 });
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

function specifierOf(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier;
  if (ts.isExternalModuleReference(node)) return node.expression;
  if (ts.isImportTypeNode(node)) {
    return ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined;
  }
  if (ts.isCallExpression(node) && namesModule(node.expression)) return node.arguments[0];
  return undefined;
}

function namesModule(callee: ts.Expression): boolean {
  return (
    callee.kind === ts.SyntaxKind.ImportKeyword ||
    (ts.isIdentifier(callee) && callee.text === 'require')
  );
}
