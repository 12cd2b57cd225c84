import type { PackageDefinition } from '@grpc/proto-loader';
import type { IDescriptorProto } from 'protobufjs/ext/descriptor.js';
import descriptor from 'protobufjs/ext/descriptor.js';

/**
 * Gives the entries of maps the names that the language prescribes: `ParametersEntry` for a map
 * `parameters`. The loader calls them `Parameters`, which tools that check descriptions, such as
 * grpcurl, refuse.
 *
 * @returns the same definition with other descriptions of its files
 */
export function withMapEntryNames(definition: PackageDefinition): PackageDefinition {
  const renamed = new Map<Buffer, Buffer>();
  const rename = (file: Buffer): Buffer => {
    const known = renamed.get(file) ?? renameEntries(file);
    renamed.set(file, known);
    return known;
  };
  return Object.fromEntries(
    Object.entries(definition).map(([name, entry]) => [
      name,
      'fileDescriptorProtos' in entry
        ? { ...entry, fileDescriptorProtos: (entry.fileDescriptorProtos as Buffer[]).map(rename) }
        : entry,
    ]),
  ) as PackageDefinition;
}

function renameEntries(file: Buffer): Buffer {
  const decoded = descriptor.FileDescriptorProto.decode(file);
  for (const message of decoded.messageType as IDescriptorProto[]) renameIn(message);
  return Buffer.from(descriptor.FileDescriptorProto.encode(decoded).finish());
}

function renameIn(message: IDescriptorProto): void {
  const entries = (message.nestedType ?? []).filter(({ options }) => options?.mapEntry === true);
  for (const entry of entries) {
    const { name } = entry;
    if (name?.endsWith('Entry') !== false) continue;
    for (const field of message.field ?? []) {
      if (field.typeName === name) field.typeName = `${name}Entry`;
    }
    entry.name = `${name}Entry`;
  }
  for (const nested of message.nestedType ?? []) renameIn(nested);
}
