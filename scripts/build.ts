/** Builds `dist/` from nothing: compiles `src/`, copies its other files and readies the command. */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
const source = path.join(root, 'src');
const target = path.join(root, 'dist');
const command = path.join(target, 'cli/main.js');

rmSync(target, { recursive: true, force: true });

const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
});
if (status !== 0) process.exit(status ?? 1);

cpSync(source, target, {
  recursive: true,
  filter: (file) => statSync(file).isDirectory() || !file.endsWith('.ts'),
});

if (!readFileSync(command, 'utf8').startsWith('#!/usr/bin/env node\n')) {
  throw new Error(`${command} must start with #!/usr/bin/env node to be the dnnscaler command`);
}
chmodSync(command, 0o755);
