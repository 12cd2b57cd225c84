/** Engines on a model that runs as long as a test says. */
import type { Row } from '../../../tensor/row.ts';
import { openOnnxEngine } from '../onnx-engine.ts';
import type { OnnxEngine } from '../onnx-engine.ts';
import type { OnnxEngineOptions } from '../options.ts';
import { floats, int64 } from './driver.ts';
import { FixtureFolder, looping } from './fixtures.ts';

/** Turns that never end. */
export const endless = Number.MAX_SAFE_INTEGER;

/** A row that keeps its instance busy for so many turns, and comes back unchanged. */
export const row = (value: number, turns = 0): Row => [floats([value, 0, 0, value]), int64(turns)];

export class LoopingEngines {
  readonly folder = new FixtureFolder();
  readonly modelPath = this.folder.model('looping', looping);
  readonly #open: OnnxEngine[] = [];

  async open(options: Partial<OnnxEngineOptions>): Promise<OnnxEngine> {
    const engine = await openOnnxEngine({ modelPath: this.modelPath, cores: 2, ...options });
    this.#open.push(engine);
    return engine;
  }

  /** Closes those that are open. */
  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((engine) => engine.close()));
  }
}
