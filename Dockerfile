# The base image is named by a tag. To pin it, pass the digest that `docker buildx imagetools inspect
# node:24-bookworm-slim` prints: --build-arg NODE_IMAGE=node@sha256:…
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS manifest
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY scripts/slim-packages.js scripts/

FROM manifest AS build
RUN npm ci --workspaces=false
COPY . .
# After a checkout with a strict umask, the user of the service could not read these files.
RUN npm run build && chmod -R a+rX package.json dist

FROM manifest AS dependencies
RUN npm ci --omit=dev --workspaces=false

FROM ${NODE_IMAGE}
# Size of libuv's thread pool. Hashing uses one thread per processor, and two are kept for files and DNS: 16 suffice for
# 14 processors.
ENV NODE_ENV=production HOST=0.0.0.0 UV_THREADPOOL_SIZE=16
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/package.json ./
COPY --from=build /app/dist dist
RUN ln -s /app/dist/src/cli/latchkey.js /usr/local/bin/latchkey
USER node
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 8000}/readyz`).then(({ ok }) => process.exit(ok ? 0 : 1))"]
CMD ["node", "dist/src/server.js"]
