/** A zoo network on the embedded engine, measured at points one by one: what these scripts share. */

/** Points from text: batch,instances separated by spaces. */
export function pointsOf(text) {
  return text.split(' ').map((pair) => {
    const [batchSize, instances] = pair.split(',').map(Number);
    return { batchSize, instances };
  });
}

/**
 * Opens an engine, hands a function that measures a point to `use`, and closes the engine.
 *
 * @param how further options of the engine
 */
export async function withNetwork({ network: name, provider, points, ...how }, use) {
  const { systemClock } = await import('../../dist/clock.js');
  const { letHeapGrow } = await import('../../dist/engines/heap-growth.js');
  const { openOnnxEngine } = await import('../../dist/engines/onnx/index.js');
  const { Random } = await import('../../dist/random.js');
  const { runSweep } = await import('../../dist/serving/index.js');
  const { syntheticSource } = await import('../../dist/workload/row-source.js');
  const { cachedModel } = await import('../../dist/zoo/cache.js');
  const { findNetwork } = await import('../../dist/zoo/registry.js');
  letHeapGrow();
  const network = findNetwork(name);
  const random = new Random(1);
  // As many as the largest batch, so that no row is still in a cache from the batch before.
  const rows = Array.from({ length: Math.max(...points.map(({ batchSize }) => batchSize)) }, () =>
    network.makeRow(random),
  );
  const engine = await openOnnxEngine({
    modelPath: await cachedModel(name),
    provider,
    sampleRow: rows[0],
    maxInstances: Math.max(...points.map(({ instances }) => instances)),
    ...how,
  });
  const measureAt = async (point, sweepOptions) => {
    const [seen] = await runSweep({
      engine,
      source: syntheticSource((index) => rows[index % rows.length]),
      clock: systemClock,
      points: [point],
      ...sweepOptions,
    });
    return seen;
  };
  try {
    return await use(engine, measureAt);
  } finally {
    await engine.close();
  }
}
