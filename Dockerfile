# One image for everything of ours: worker, migrations and command line. Debian, since Temporal's native part is built against glibc.
FROM node:22-bookworm-slim AS build
WORKDIR /rekey
COPY package.json package-lock.json ./
# No install scripts: the only one that we need is the embedded PostgreSQL's, and here PostgreSQL is a service of its own.
RUN npm ci --ignore-scripts
COPY build.mjs tsconfig.json ./
COPY build build
COPY workflows workflows
COPY activities activities
COPY worker worker
COPY client client
COPY sandbox sandbox
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM node:22-bookworm-slim
ENV NODE_ENV=production
WORKDIR /rekey
COPY --from=build /rekey/node_modules node_modules
COPY --from=build /rekey/dist dist
COPY package.json LICENSE ./
# Nothing in the image is writable for it, and nothing needs to be.
USER node
CMD ["node", "dist/worker/commands/worker.js"]
