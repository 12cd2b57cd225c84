/** Which outputs a client wants as binary data. */
export interface OutputForm {
  /** Of outputs that are not in `binaryOf`. */
  readonly binaryByDefault: boolean;
  readonly binaryOf: ReadonlyMap<string, boolean>;
}

export const jsonOutputs: OutputForm = { binaryByDefault: false, binaryOf: new Map() };
export const binaryOutputs: OutputForm = { binaryByDefault: true, binaryOf: new Map() };
