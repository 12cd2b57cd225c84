# The inference server. `npm run test:docker` runs these steps without Docker.
#
#   docker build -t dnnscaler .
#   docker run --init -p 127.0.0.1:8000:8000 -p 127.0.0.1:8001:8001 -v ./models:/models:ro dnnscaler /models --slo 50ms
#
# Debian, as ONNX Runtime has no binaries for musl (Alpine).
FROM node:22-bookworm-slim AS manifest
WORKDIR /app
# .npmrc turns install scripts off, and with them the download of GPU libraries.
COPY package.json package-lock.json .npmrc ./

FROM manifest AS build
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/build.ts scripts/
COPY src src
RUN npm run build

FROM manifest AS dependencies
# ONNX Runtime comes with its binaries for every platform.
RUN npm ci --omit=dev \
  && rm -rf node_modules/onnxruntime-node/bin/napi-v6/darwin \
            node_modules/onnxruntime-node/bin/napi-v6/win32

FROM node:22-bookworm-slim
ENV NODE_ENV=production \
    HEALTH_URL=http://127.0.0.1:8000/v2/health/ready
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
# All of the above belongs to root, so that the server cannot change itself.
USER node
EXPOSE 8000 8001
# A model is measured before it is ready, hence the long start.
HEALTHCHECK --interval=10s --timeout=5s --start-period=5m \
  CMD ["node", "-e", "fetch(process.env.HEALTH_URL).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Every address of the container; models can then be managed with a token only.
ENTRYPOINT ["node", "/app/dist/cli/main.js", "serve", "--host", "0.0.0.0"]
CMD ["--help"]
