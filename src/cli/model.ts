import { Command } from 'commander';
import { makeBatchableCommand } from './model-make-batchable.ts';
import { inspectCommand } from './model-inspect.ts';

/** `dnnscaler model inspect` and `dnnscaler model make-batchable`. */
export function modelCommand(): Command {
  return new Command('model')
    .description('look at an ONNX file that you bring, or open its fixed batch dimension')
    .addCommand(inspectCommand())
    .addCommand(makeBatchableCommand());
}
