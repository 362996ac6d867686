# The image of natsgate: one bundled file and a Node to run it; no npm, no shell.
#
#   BUILD_IMAGE    has node 26, npm and a shell                        node:26-trixie-slim
#   RUNTIME_IMAGE  has /nodejs/bin/node and nothing else               distroless nodejs26-debian13:nonroot
#
# Both are named by whoever builds, with their digests (name@sha256:...): a tag can change, and which registry you
# trust is yours to say. VERSION and REVISION become labels.
#
#   docker build --build-arg BUILD_IMAGE=... --build-arg RUNTIME_IMAGE=... -t natsgate:0.1.0 .
ARG BUILD_IMAGE
ARG RUNTIME_IMAGE

FROM ${BUILD_IMAGE} AS build
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
STOPSIGNAL SIGTERM
ENTRYPOINT ["/nodejs/bin/node", "--disable-sigusr1", "--disable-proto=delete", "--report-on-fatalerror", "--report-exclude-network", "--report-exclude-env", "--report-filename=stderr", "/app/bin/natsgate.js"]
