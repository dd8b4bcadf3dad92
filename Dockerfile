# The console, the binary, and nothing else.
FROM node:20-bookworm-slim AS web
WORKDIR /src/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY web ./
COPY dashboard/openapi.json ../dashboard/openapi.json
RUN npm run build

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=web /src/web/dist web/dist
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -tags nomsgpack -trimpath -ldflags "-s -w -X yumen/cli.version=${VERSION}" -o /yumen . \
 && mkdir -p /data && chown 65532:65532 /data

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /yumen /usr/bin/yumen
COPY --from=build --chown=65532:65532 /data /var/lib/yumen
COPY --from=build /src/LICENSE /usr/share/doc/yumen/LICENSE
# In a container's own network everything listens for the outside, but the
# admin ports answer health checks to anybody and metrics by allow list only.
ENV YUMEN_DATA=/var/lib/yumen \
    YUMEN_DASHBOARD__CONSOLE=0.0.0.0:8880 YUMEN_DASHBOARD__ADMIN=0.0.0.0:8891 \
    YUMEN_PROXY__HTTP=0.0.0.0:8080 YUMEN_PROXY__HTTPS=0.0.0.0:8443 YUMEN_PROXY__ADMIN=0.0.0.0:8890 \
    YUMEN_PROXY__BIND=0.0.0.0 YUMEN_PROXY__STATE=/var/lib/yumen YUMEN_LOG__FORMAT=json
VOLUME /var/lib/yumen
EXPOSE 8080 8443 8880
ENTRYPOINT ["/usr/bin/yumen"]
CMD ["up"]
