# The image of natsgate: one bundled file and a Node to run it; no npm, no shell.
#
#   docker build -t natsgate:0.1.0 .
#
# Bases are named by tags here; a release names them by digests (name@sha256:...), since a tag can change. Yours must
# have: BUILD_IMAGE node 26, npm and a shell; RUNTIME_IMAGE /nodejs/bin/node. VERSION and REVISION become labels.
#
# The result is the same for every architecture but for RUNTIME_IMAGE, so the build runs on that of the builder:
#
#   docker buildx build --platform linux/amd64,linux/arm64 .
ARG BUILD_IMAGE=docker.io/library/node:26-trixie-slim
ARG RUNTIME_IMAGE=gcr.io/distroless/nodejs26-debian13:nonroot

FROM --platform=${BUILDPLATFORM} ${BUILD_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY LICENSE ./
COPY bin ./bin
COPY scripts ./scripts
COPY src ./src
COPY web ./web
RUN node scripts/build-image.ts

FROM ${RUNTIME_IMAGE}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="natsgate" \
      org.opencontainers.image.description="The WebSocket edge of NATS" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /build/dist/image /app
# NODE_OPTIONS is there to be replaced: the heap follows the memory limit of the container, and the other half of it
# is for socket buffers. Reports of fatal errors go to standard error, without environment and addresses.
ENV NODE_ENV=production \
    NODE_OPTIONS=--max-old-space-size-percentage=55
WORKDIR /app
USER 65532:65532
# The admin port (8081) is on loopback, inside the container alone, unless --admin says otherwise.
EXPOSE 8080
# A drain takes up to 35 s (drain.delay and drain.timeout), and docker stop kills after 10: run it with --stop-timeout 45.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/nodejs/bin/node", "--disable-sigusr1", "--disable-proto=delete", "--report-on-fatalerror", "--report-exclude-network", "--report-exclude-env", "--report-filename=stderr", "/app/bin/natsgate.js"]
