# The image of Troupe: `troupe` as entry point, so that gateway, node and schema migration are one image with another
# command. Builds with BuildKit and with the classic builder; docs/operating/images.md says what is in it.
#
#   docker build -t troupe:local .                             the image
#   docker build -t troupe-samples:local --target samples .    the same with the handlers of examples/
#
# The digest is that of the manifest for all platforms. To refresh it: `docker buildx imagetools inspect node:24-slim`,
# then put the new one here (Renovate and Dependabot do so by themselves), and `npm test`.
ARG BASE_IMAGE=node:24-slim@sha256:0e0ff40c39bc087845bfb27465a0df4ea419520094bc35842ff83dd8cbe6f9b6

# What runs: the package, compiled. Development dependencies stay in this stage; their install scripts (which fetch a
# Node of their own) are not run. esbuild, which bundles the console, is an optional package of each platform.
FROM ${BASE_IMAGE} AS build
WORKDIR /troupe
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json README.md CHANGELOG.md LICENSE ./
COPY proto proto
COPY scripts scripts
COPY src src
COPY console console
RUN npm run package

# What it needs: the locked dependencies of the package, those of the samples, and the list of what is in them.
FROM ${BASE_IMAGE} AS modules
WORKDIR /troupe
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts \
 && mkdir -p /samples/node_modules \
 && cp -R node_modules/jpeg-js node_modules/pngjs /samples/node_modules/
COPY --from=build /troupe/build/package/package.json ./
RUN npm prune --omit=dev --ignore-scripts \
 && mkdir /sbom \
 && npm sbom --omit=dev --sbom-format cyclonedx --sbom-type application > /sbom/troupe.cdx.json

# The base without what only builds need (npm, yarn, corepack, headers, documentation) and without setuid programs.
FROM ${BASE_IMAGE} AS assembled
RUN rm -rf /usr/local/lib/node_modules /usr/local/include /usr/local/share/doc /usr/local/share/man /opt/yarn* /tmp/* \
 && rm -f /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn /usr/local/bin/yarnpkg \
      /usr/local/bin/nodejs /usr/local/bin/docker-entrypoint.sh \
 && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
 && mkdir -p /handlers /opt/troupe /usr/share/sbom /var/lib/troupe \
 && chown 1000:1000 /var/lib/troupe \
 && ln -s /opt/troupe/node_modules/troupe/scripts/troupe.mjs /usr/local/bin/troupe
COPY --from=modules /sbom/ /usr/share/sbom/
COPY --from=modules /troupe/node_modules /opt/troupe/node_modules
COPY --from=build /troupe/build/package /opt/troupe/node_modules/troupe

# One layer, so that what was removed is gone. It sets no configuration: what comes by file would lose to it.
FROM scratch AS cluster
COPY --from=assembled / /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin NODE_ENV=production
# glibc: few arenas, and thresholds that do not grow, so that a peak of large answers is given back when it is over.
ENV MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=131072 MALLOC_TRIM_THRESHOLD_=131072
LABEL org.opencontainers.image.title="Troupe" \
      org.opencontainers.image.description="An actor-model cluster that runs CPU-heavy jobs: gateway, node and schema migration." \
      org.opencontainers.image.licenses="Apache-2.0"
# `node` of the base, by number: Kubernetes can see from a number alone that it is not root.
USER 1000:1000
# Here `troupe` looks for its configuration file, and below .troupe it keeps its data. Its user may write nowhere else.
WORKDIR /var/lib/troupe
EXPOSE 50051 8080
# SIGTERM drains. No HEALTHCHECK: compose.yaml and Kubernetes have their own, and `troupe submit` has no health.
ENTRYPOINT ["troupe"]

# The handlers of examples/ and the packages that they import, where any image with handlers has them.
FROM cluster AS samples
COPY --from=modules /samples /handlers
COPY examples /handlers

FROM cluster AS troupe
ARG VERSION=unreleased
ARG REVISION=unknown
ARG BASE_IMAGE
LABEL org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE_IMAGE}"
CMD ["--help"]
