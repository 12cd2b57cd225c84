/** Bring a model and an SLO: rows in, rows out, the operating point is looked after. */
import { deployModel, formatPoint, makeSlo, Random, zoo } from '../src/index.ts';

const network = zoo.findNetwork('mobilenet_v1_025');
const model = await deployModel({
  modelPath: await zoo.cachedModel(network.name),
  slo: makeSlo(50), // p95 <= 50 ms
  listener: {
    onPoint: (point, tookMs) => {
      console.log(`now at ${formatPoint(point)}, reached in ${tookMs.toFixed(0)} ms`);
    },
  },
});

const picture = network.makeRow(new Random(1));
const replies = await Promise.all(Array.from({ length: 64 }, () => model.infer(picture)));
const probabilities = replies[0]?.[0]?.data as Float32Array;
console.log(`${replies.length} replies of ${probabilities.length} probabilities each`);

await model.close();
