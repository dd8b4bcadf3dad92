# make run    builds everything and starts the gateway with its console
# make test   runs every test; make deps installs what they need
SHELL := /bin/bash
GO_TAGS := nomsgpack
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
BUILD := CGO_ENABLED=0 go build -tags $(GO_TAGS) -trimpath -ldflags "-s -w -X yumen/cli.version=$(VERSION)"
WEB := web/dist/index.html
LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
PACKAGES := gcc mariadb-server redis-server redis-tools chromium fonts-noto-cjk

.PHONY: run build screenshot test go-test web-test e2e deps lint generate drift ci clean help

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

run: build ## build all and start the gateway on embedded stores
	bin/yumen up $(ARGS)

build: $(WEB) ## bin/yumen with the console in it
	$(BUILD) -o bin/yumen .

web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	cd web && npm ci --no-audit --no-fund
	@touch $@

$(WEB): web/node_modules/.package-lock.json $(shell find web/src web/public web/index.html web/vite.config.ts -type f 2>/dev/null)
	cd web && npm run build

deps: ## install what the tests need, starting no daemon (Debian, root)
	@.ci/deps install $(PACKAGES)

test: ## every test
	@.ci/deps check $(PACKAGES) || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && $(MAKE) --no-print-directory deps; }
	@.ci/deps check $(PACKAGES)
	@$(MAKE) --no-print-directory web-test go-test e2e

go-test: build
	.ci/go-test

web-test: web/node_modules/.package-lock.json
	cd web && npm test

# YUMEN_SHOTS=DIR keeps the pictures it takes; the README's is screenshot.png.
e2e: build
	cd web && YUMEN_BIN=$(CURDIR)/bin/yumen npm run e2e

screenshot: build ## docs/screenshot.png anew, of some minutes of traffic
	cd web && YUMEN_BIN=$(CURDIR)/bin/yumen YUMEN_SHOTS=$(CURDIR)/bin/shots YUMEN_SHOT_SECONDS=200 npm run e2e
	cp bin/shots/screenshot.png docs/screenshot.png

lint: web/node_modules/.package-lock.json ## linters of both languages
	go vet -tags $(GO_TAGS) ./...
	$(LINT) run --build-tags $(GO_TAGS) ./...
	cd web && npm run lint

generate: web/node_modules/.package-lock.json ## docs/defaults.md, openapi.json, schema.d.ts
	go run ./spec/gendefaults > docs/defaults.md
	cd tools && go run ./openapi
	cd web && npm run generate

drift: generate ## fails when something generated is not what the code says
	git diff --exit-code -- docs/defaults.md dashboard/openapi.json web/src/api/schema.d.ts

ci: test lint drift ## all that has to be green
	cd web && npm run typecheck

clean:
	rm -rf bin web/node_modules web/dist/assets web/dist/index.html
