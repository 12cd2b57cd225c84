export type { GrpcLimits, GrpcServerOptions } from './options.ts';
export { defaultGrpcLimits } from './options.ts';
export type { GrpcServer } from './server.ts';
export { startGrpcServer } from './server.ts';
