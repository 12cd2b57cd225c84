/** One way in which the latency of a call may depend on the knobs. */
export interface LatencyLaw {
  /** How common networks of this kind are taken to be before anything was measured. */
  readonly logWeight: number;
  /** Natural logarithm of the latency at a point over the latency at (1,1); any reals >= 1. */
  logShape(batchSize: number, instances: number): number;
}

/** Share of the latency at (1,1) during which a call needs the device. */
const deviceShares = [0.002, 0.015, 0.04, 0.07, 0.11, 0.18, 0.3, 0.5, 0.75, 1];

/** Share of that device time which grows with the rows; the rest is paid once a call. */
const perRowShares = [0.001, 0.01, 0.06, 0.3, 0.6, 1];

/**
 * How calls share the device: what a call alone loses in gaps that a second one would fill, and the
 * exponent of n in the time for n calls: over 1 where they disturb each other, under 1 where a call
 * alone cannot use all of it, such as the cores of a CPU.
 */
const sharings = [
  { aloneFactor: 1, exponent: 1, weight: 1 },
  { aloneFactor: 1.15, exponent: 1, weight: 1 },
  { aloneFactor: 1, exponent: 1.2, weight: 1 },
  { aloneFactor: 1, exponent: 0.6, weight: 0.5 },
];

/**
 * The time beside the device (launching kernels, preprocessing): the share of it that grows with
 * the rows, whether it passes while the device is busy, and the exponent of n in it, under 0 where
 * company speeds it up, as with the small networks on a Tesla P40.
 */
const hosts = [
  { perRowShare: 0, overlaps: false, exponent: 0, weight: 1 },
  { perRowShare: 0, overlaps: true, exponent: 0, weight: 1 },
  { perRowShare: 0.5, overlaps: false, exponent: 0, weight: 0.3 },
  { perRowShare: 1, overlaps: false, exponent: 0, weight: 0.3 },
  { perRowShare: 0, overlaps: false, exponent: -0.3, weight: 0.3 },
];

/** Devices that work in tiles of so many rows: batches between two multiples cost the larger one. */
const tiles = [
  { rows: 1, weight: 1 },
  { rows: 4, weight: 0.1 },
  { rows: 8, weight: 0.1 },
  { rows: 16, weight: 0.1 },
  { rows: 32, weight: 0.1 },
];

/** A CPU shares its cores out: floor(cores / n) threads for each of n instances, one at least. */
const coreCounts = [2, 3, 4, 6, 8, 12, 16];
/** A call on t threads takes t^-a of the time on one. */
const threadExponents = [0.3, 0.6, 0.9];
const coresWeight = 0.1;

/** Exponents of the smooth maxima: the larger, the sharper the bend. */
const overlapBend = 4;
const queueBend = 8;

type Kind = (typeof sharings)[number] & {
  host: (typeof hosts)[number];
  tile: (typeof tiles)[number];
};

/**
 * The family that measured networks were seen to belong to (Tesla P40, A100, CPU), on a grid:
 *
 *     L(b, n) = max(alone(b, n), n^e s(b))
 *     alone(b, n) = n^f h(b) + s(b), or max(h(b), s(b)) if they overlap
 *     s(b) = s0 + g b    device time of a call          h(b) = h0 + h1 b    time beside it
 *
 * with smooth maxima; s(b) of whole tiles; and, for a CPU whose c cores are shared out,
 *
 *     L(b, n) = s(b) t^-a max(1, n / c)    t = max(1, floor(c / n))
 *
 * All of it is relative to L(1, 1).
 */
export const latencyLaws: readonly LatencyLaw[] = perRowShares.flatMap((perRowShare) => [
  ...deviceShares.flatMap((deviceShare) =>
    kinds(deviceShare).map((kind) => deviceLaw(deviceShare, perRowShare, kind)),
  ),
  ...coreCounts.flatMap((cores) =>
    threadExponents.map((exponent) => coresLaw(cores, perRowShare, exponent)),
  ),
]);

/** Rarer kinds are not combined with everything else: that only costs time. */
function kinds(deviceShare: number): readonly Kind[] {
  const relevant = deviceShare === 1 ? hosts.slice(0, 1) : hosts;
  return relevant.flatMap((host, h) =>
    sharings
      .filter((_, s) => h < 2 || s < 2)
      .flatMap((sharing, s) =>
        tiles
          .filter((_, t) => t === 0 || (h === 0 && s === 0))
          .map((tile) => ({ ...sharing, host, tile })),
      ),
  );
}

function coresLaw(cores: number, perRowShare: number, threadExponent: number): LatencyLaw {
  const logAt1 = -threadExponent * Math.log(cores);
  return {
    logWeight: Math.log(coresWeight),
    logShape: (batchSize, instances) => {
      const threads = Math.max(1, Math.floor(cores / instances));
      const crowding = Math.max(1, instances / cores);
      const logSpeed = -threadExponent * Math.log(threads) - logAt1;
      return Math.log(linear(perRowShare, batchSize) * crowding) + logSpeed;
    },
  };
}

function deviceLaw(deviceShare: number, perRowShare: number, kind: Kind): LatencyLaw {
  const { aloneFactor, exponent, host, tile } = kind;
  const bend = host.overlaps ? overlapBend : 1;
  const hostAt1 = (1 - deviceShare ** bend) ** (1 / bend);
  return {
    logWeight: Math.log(kind.weight * host.weight * tile.weight),
    logShape: (batchSize, instances) => {
      const units = Math.max(1, tile.rows === 1 ? batchSize : Math.ceil(batchSize / tile.rows));
      const hostTime = hostAt1 * linear(host.perRowShare, batchSize) * instances ** host.exponent;
      const deviceTime = deviceShare * linear(perRowShare, units);
      const together = (hostTime ** bend + deviceTime ** bend) ** (1 / bend);
      const alone = Math.max(aloneFactor * deviceTime, together);
      if (instances <= 1) return Math.log(alone);
      return logSmoothMax(alone, instances ** exponent * deviceTime);
    },
  };
}

/** 1 for one row, or tile of rows, growing by `share` with each further one. */
function linear(share: number, units: number): number {
  return 1 - share + share * units;
}

function logSmoothMax(a: number, b: number): number {
  const larger = Math.max(a, b);
  const ratio = Math.min(a, b) / larger;
  return Math.log(larger) + Math.log1p(ratio ** queueBend) / queueBend;
}

/** More instances than there can be: tells points apart by one number. */
const mostInstances = 1024;
/** Points whose shapes are remembered, at 9 KB each. */
const mostRemembered = 4096;
const remembered = new Map<number, Float64Array>();

/** `logShape` of every law at one point; remembered for whole batches and instances. */
export function lawShapesAt(batchSize: number, instances: number): Float64Array {
  const isWhole = Number.isInteger(batchSize) && Number.isInteger(instances);
  const key = isWhole ? batchSize * mostInstances + instances : -1;
  const known = isWhole ? remembered.get(key) : undefined;
  if (known !== undefined) return known;
  const shapes = Float64Array.from(latencyLaws, (law) => law.logShape(batchSize, instances));
  if (isWhole) {
    if (remembered.size >= mostRemembered) remembered.clear();
    remembered.set(key, shapes);
  }
  return shapes;
}
