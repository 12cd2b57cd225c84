export type { HttpAdmin, HttpLimits, HttpServerOptions } from './options.ts';
export { defaultHttpLimits } from './options.ts';
export type { HttpServer } from './server.ts';
export { startHttpServer } from './server.ts';
