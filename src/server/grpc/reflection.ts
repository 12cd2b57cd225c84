import type { ServerDuplexStream, Server } from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import type { Intake } from './intake.ts';
import { withMapEntryNames } from './map-entry-names.ts';
import type { OpenStreams } from './open-streams.ts';

type ReflectionCall = ServerDuplexStream<object, object>;
type Handlers = Readonly<Record<string, (call: ReflectionCall) => void>>;

/** Paths of both versions of the reflection service, which clients stream to. */
export const reflectionPaths = ['v1', 'v1alpha'].map(
  (version) => `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
);

/** Lets clients ask the server for its services and messages. */
export function addReflection(
  server: Server,
  definition: PackageDefinition,
  intake: Intake,
  streams: OpenStreams,
): void {
  new ReflectionService(withMapEntryNames(definition)).addToServer({
    addService: (service, handlers) => {
      const entries = Object.entries(handlers as Handlers).map(([name, handle]) => [
        name,
        (call: ReflectionCall): void => {
          handle(call);
          const held = intake.of(call.metadata);
          call.on('data', () => {
            held?.releaseAll();
            if (call.writableNeedDrain) call.pause();
          });
          call.on('drain', () => call.resume());
          streams.add(call, () => call.end());
        },
      ]);
      server.addService(service, Object.fromEntries(entries) as Record<string, never>);
    },
  });
}
