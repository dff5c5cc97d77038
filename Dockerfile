# One image for every program: api (the default command), worker, migrate and admin.
#   docker build -t nestjs-reference .
#   docker run nestjs-reference node dist/src/worker.js
# It needs no writable disk and no capabilities: see docs/guides/run-with-docker.md.

FROM node:24.21.0-bookworm-slim AS base
WORKDIR /app

FROM base AS build
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --no-audit --no-fund
COPY .swcrc ./
COPY src src
COPY clients/typescript/src clients/typescript/src
COPY scripts/build.ts scripts/
COPY migrations migrations
RUN npm run build

# The servers for development, which docker-compose.yml starts. A separate stage keeps them out of the image below.
FROM build AS development
COPY test/support/providers test/support/providers
# feature:storage begin
COPY test/support/s3/main.ts test/support/s3/s3rver.ts test/support/s3/
# feature:storage end
# feature:webhooks begin
COPY scripts/demo/webhook-receiver.ts scripts/demo/
# feature:webhooks end
RUN install -d -o 1000 -g 1000 -m 700 /providers /s3
USER 1000:1000
CMD ["node", "test/support/providers/main.ts"]

FROM base AS dependencies
COPY package.json package-lock.json ./
# npm installs TypeScript as an optional peer of a compiler plugin. It isn't used at run time.
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --no-audit --no-fund && rm -rf node_modules/typescript

FROM base
ENV NODE_ENV=production
# Containers install nothing, so the package managers are removed: what is absent needs no security updates.
RUN rm -rf /opt/yarn* /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack \
      /usr/local/bin/yarn /usr/local/bin/yarnpkg \
    # For keys, secrets and uploaded files of development. A new volume that is mounted here gets this owner.
    && install -d -o 1000 -g 1000 -m 700 .local .local/keys .local/files
COPY --from=dependencies /app/node_modules node_modules
# Logs and health checks read the version from it. Node reads "type": "module", without which dist/ doesn't load.
COPY package.json ./
COPY --from=build /app/dist dist
# Node keeps the compiled code of modules here, so that a start takes less CPU (docs/performance.md). The name of the cache
# contains the id of the user that runs the programs. The files belong to root.
ENV NODE_COMPILE_CACHE=/app/.compile-cache
RUN install -d -o 1000 -g 1000 .compile-cache \
    && for program in app worker; do \
      setpriv --reuid=1000 --regid=1000 --clear-groups \
        node --input-type=module --eval "await import('/app/dist/src/$program.module.js')" || exit 1; \
    done \
    && chown -R 0:0 .compile-cache
# A number, because platforms that reject root don't read /etc/passwd. The code belongs to root, so a compromised process
# can't change it.
USER 1000:1000
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=4s --start-period=60s --start-interval=1s --retries=3 \
  CMD ["node", "dist/src/healthcheck.js"]
# Not through npm or a shell, which don't forward SIGTERM.
CMD ["node", "dist/src/main.js"]
