import { styleText } from 'node:util';

export type Style = Parameters<typeof styleText>[0];

/** Colours text, or leaves it alone. */
export type Paint = (style: Style, text: string) => string;

/** Paints only for a terminal that wants colours (https://no-color.org). */
export function paintFor(stream: NodeJS.WriteStream): Paint {
  const wanted = stream.isTTY && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
  return wanted ? (style, text) => styleText(style, text) : (_style, text) => text;
}

export const plainPaint: Paint = (_style, text) => text;
