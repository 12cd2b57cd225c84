export * from './http-client.ts';
export * from './http-errors.ts';
export * from './http-exchange.ts';
export * from './infer-messages.ts';
export * from './server-url.ts';
