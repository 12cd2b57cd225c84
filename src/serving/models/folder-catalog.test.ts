import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeSlo } from '../../slo.ts';
import { FolderCatalog } from './folder-catalog.ts';

let folder: string;
let catalog: FolderCatalog;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dnnscaler-folder-'));
  catalog = new FolderCatalog(folder, { slo: makeSlo(50), scaler: 'auto', engine: {} });
  put('net/1/model.onnx');
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function put(file: string, text = file): void {
  mkdirSync(join(folder, file, '..'), { recursive: true });
  writeFileSync(join(folder, file), text);
}

async function names(): Promise<string[]> {
  return (await catalog.sources()).map(({ name }) => name).sort();
}

describe('a folder of models', () => {
  it('has those that are laid out as NAME/VERSION/model.onnx, links to such included', async () => {
    put('.hidden/1/model.onnx');
    put('no-version/model.onnx');
    put('version-zero/0/model.onnx');
    put('README.md');
    mkdirSync(join(folder, 'no-file', '1', 'model.onnx'), { recursive: true });
    symlinkSync(join(folder, 'net'), join(folder, 'linked'));
    expect(await names()).toEqual(['linked', 'net']);
  });

  it('serves the newest version, by number', async () => {
    put('net/9/model.onnx');
    put('net/10/model.onnx');
    const [source] = await catalog.sources();
    const { spec, otherVersions } = await source!.read({ files: new Map() });
    expect(spec.version).toBe('10');
    expect(otherVersions).toEqual(['9', '1']);
  });

  it.each([
    ['the model', 'net/1/model.onnx'],
    ['weights beside it', 'net/1/weights.bin'],
    ['the configuration', 'net/dnnscaler.json'],
    ['its labels', 'net/labels.txt'],
    ['a newer version', 'net/2/model.onnx'],
  ])('tells a change of %s', async (_, file) => {
    const before = (await catalog.fingerprints()).get('net');
    put(file, 'changed, and of another length');
    expect((await catalog.fingerprints()).get('net')).not.toBe(before);
  });

  it('takes nothing else for a change', async () => {
    put('net/2/model.onnx');
    const before = await catalog.fingerprints();
    put('net/1/model.onnx', 'an older version');
    put('net/.model.swp');
    put('net/drafts/model.onnx');
    renameSync(join(folder, 'net', 'drafts'), join(folder, 'net', 'notes'));
    expect(await catalog.fingerprints()).toEqual(before);
  });
});
