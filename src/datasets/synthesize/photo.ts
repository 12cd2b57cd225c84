import type { Random } from '../../random.ts';
import type { RgbPixels } from '../preprocess.ts';

/**
 * Shapes whose radius r has a density of r^-3, each in front of those before it: "dead leaves", whose
 * spectrum and edges are those of photographs (Lee, Mumford and Huang, IJCV 2001).
 */
const leavesPerImage = 160;
/** Radii, as a share of the longer side. */
const smallestRadius = 0.02;
const largestRadius = 0.45;
/** Octaves of texture: noise of the same strength at each scale has a spectrum of 1/f. */
const octaves = 7;

/**
 * A picture that is like a photograph to an image codec: occlusion, edges and texture at every scale.
 *
 * @param detail strength of the texture, in grey levels; 5 is a smooth picture, 30 a busy one
 */
export function makePhoto(
  random: Random,
  { width, height, detail }: { width: number; height: number; detail: number },
): RgbPixels {
  const data = new Uint8Array(width * height * 3);
  const texture = makeTexture(random, width, height);
  const shade = new Float32Array(width * height).fill(1);
  const colours = new Uint8Array(width * height * 3);
  const leaf: [number, number, number] = colourOf(random);
  for (let i = 0; i < colours.length; i += 3) colours.set(leaf, i);
  const longer = Math.max(width, height);
  for (let i = 0; i < leavesPerImage; i += 1) {
    const radius = longer * radiusOf(random);
    const centre = { x: random.next() * width, y: random.next() * height };
    paintLeaf(
      colours,
      shade,
      { width, height, centre, radius, stretch: 0.4 + random.next() },
      random,
    );
  }
  for (let pixel = 0, at = 0; pixel < shade.length; pixel += 1, at += 3) {
    const grey = detail * (texture[pixel] as number) * (shade[pixel] as number);
    for (let channel = 0; channel < 3; channel += 1) {
      const value = (colours[at + channel] as number) + grey;
      data[at + channel] = Math.min(255, Math.max(0, value));
    }
  }
  return { data, width, height };
}

/** By inverting the distribution of a density of r^-3 between the two ends. */
function radiusOf(random: Random): number {
  const low = smallestRadius ** -2;
  const high = largestRadius ** -2;
  return (low + random.next() * (high - low)) ** -0.5;
}

/** A colour as they are in photographs: mostly grey, never the last degree of bright or dark. */
function colourOf(random: Random): [number, number, number] {
  const grey = 20 + 215 * random.next();
  const tint = (): number => Math.min(250, Math.max(5, grey + 28 * random.normal()));
  return [tint(), tint(), tint()];
}

interface Leaf {
  readonly width: number;
  readonly height: number;
  readonly centre: { readonly x: number; readonly y: number };
  readonly radius: number;
  /** Height over width. */
  readonly stretch: number;
}

function paintLeaf(
  colours: Uint8Array,
  shade: Float32Array,
  { width, height, centre, radius, stretch }: Leaf,
  random: Random,
): void {
  const [red, green, blue] = colourOf(random);
  // Some surfaces are smooth, some are rough.
  const roughness = 2 * random.next() ** 2;
  const tall = radius * stretch;
  const top = Math.max(0, Math.ceil(centre.y - tall));
  const bottom = Math.min(height - 1, Math.floor(centre.y + tall));
  for (let y = top; y <= bottom; y += 1) {
    const half = radius * Math.sqrt(1 - ((y - centre.y) / tall) ** 2);
    const left = Math.max(0, Math.ceil(centre.x - half));
    const right = Math.min(width - 1, Math.floor(centre.x + half));
    for (let x = left; x <= right; x += 1) {
      const pixel = y * width + x;
      colours[3 * pixel] = red;
      colours[3 * pixel + 1] = green;
      colours[3 * pixel + 2] = blue;
      shade[pixel] = roughness;
    }
  }
}

/** Noise of about unit variance, the same at every scale from an eighth of the picture down to one pixel. */
function makeTexture(random: Random, width: number, height: number): Float32Array {
  const texture = new Float32Array(width * height);
  const longer = Math.max(width, height);
  for (let octave = 0; octave < octaves; octave += 1) {
    const cell = Math.max(1, longer / 2 ** (octave + 3));
    const columns = Math.ceil(width / cell) + 2;
    const rows = Math.ceil(height / cell) + 2;
    const lattice = Float32Array.from({ length: columns * rows }, () => random.normal());
    for (let y = 0; y < height; y += 1) {
      const row = Math.floor(y / cell);
      const down = y / cell - row;
      for (let x = 0; x < width; x += 1) {
        const column = Math.floor(x / cell);
        const across = x / cell - column;
        const at = row * columns + column;
        const upper = mix(lattice[at] as number, lattice[at + 1] as number, across);
        const below = at + columns;
        const lower = mix(lattice[below] as number, lattice[below + 1] as number, across);
        texture[y * width + x] = (texture[y * width + x] as number) + mix(upper, lower, down);
      }
    }
  }
  return texture;
}

function mix(a: number, b: number, share: number): number {
  return a + (b - a) * share;
}
