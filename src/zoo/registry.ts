import { DnnScalerError } from '../errors.ts';
import { nearestName } from './nearest-name.ts';
import type { ZooNetwork } from './network.ts';
import { danSst } from './networks/deep-averaging.ts';
import { inceptionV1 } from './networks/inception-v1.ts';
import { inceptionV2 } from './networks/inception-v2.ts';
import { inceptionV3 } from './networks/inception-v3.ts';
import { inceptionV4 } from './networks/inception-v4.ts';
import { mobilenetV1 } from './networks/mobilenet-v1.ts';
import { mobilenetV2 } from './networks/mobilenet-v2.ts';
import { multVaeMl20m } from './networks/mult-vae.ts';
import { nasnetLarge, nasnetMobile } from './networks/nasnet.ts';
import { pnasnetLarge, pnasnetMobile } from './networks/pnasnet.ts';
import { resnetV2 } from './networks/resnet-v2.ts';

/** Every network that this package builds; image networks go by their TF-Slim names. */
export const zooNetworks: readonly ZooNetwork[] = [
  inceptionV1,
  inceptionV2,
  inceptionV3,
  inceptionV4,
  resnetV2(50),
  resnetV2(101),
  resnetV2(152),
  mobilenetV1(100, 224),
  mobilenetV1(50, 160),
  mobilenetV1(25, 128),
  mobilenetV2(100),
  mobilenetV2(140),
  nasnetMobile,
  nasnetLarge,
  pnasnetMobile,
  pnasnetLarge,
  multVaeMl20m,
  danSst,
];

/** @throws DnnScalerError `not-found`, with the names there are and the one that was likely meant */
export function findNetwork(name: string): ZooNetwork {
  const found = zooNetworks.find((network) => network.name === name);
  if (found !== undefined) return found;
  const names = zooNetworks.map((network) => network.name);
  const near = nearestName(name, names);
  throw new DnnScalerError(
    'not-found',
    `the zoo has no network ${JSON.stringify(name)}${near === undefined ? '' : ` (did you mean ${near}?)`}; ` +
      `it has ${names.join(', ')}`,
  );
}
