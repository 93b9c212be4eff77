# make build   bin/mxplay with its agents inside
# make demo    a Debian host of our own, a homeserver on it, and where to look
# make test    everything: build, lint, unit tests, tests on real hosts
# make lab     Debian hosts to try things on; make lab-down removes them

GO       ?= go
GOFLAGS  += -trimpath
LAB      ?= demo:sid
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
ARCHES   := amd64 arm64 arm
AGENTS   := cmd/mxplay/agents
SOURCES  := $(shell find cmd modules runner inventory playbooks -name '*.go' -not -name '*_test.go' 2>/dev/null) go.mod go.sum
LDFLAGS  := -s -w -X main.version=$(VERSION)
DISTS    := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64

.PHONY: build agents dist lint unit lab-test test demo lab lab-down docs bench clean tools

build: bin/mxplay

bin/mxplay: $(AGENTS)/manifest.json $(SOURCES) $(shell find playbooks -type f 2>/dev/null)
	$(GO) build $(GOFLAGS) -ldflags '$(LDFLAGS)' -o $@ ./cmd/mxplay

agents: $(AGENTS)/manifest.json

# One static agent a processor, compressed, and a manifest of their hashes.
$(AGENTS)/manifest.json: $(SOURCES)
	$(GO) run ./cmd/mxplay/agents/build $(AGENTS) $(ARCHES)

dist: agents
	@mkdir -p dist
	@set -e; for d in $(DISTS); do \
	  o=dist/mxplay-$${d%/*}-$${d#*/}; \
	  CGO_ENABLED=0 GOOS=$${d%/*} GOARCH=$${d#*/} $(GO) build $(GOFLAGS) -ldflags '$(LDFLAGS)' -o $$o ./cmd/mxplay; \
	done
	@cd dist && sha256sum mxplay-* > SHA256SUMS && cat SHA256SUMS

clean:
	rm -rf bin dist $(AGENTS)/*.gz $(AGENTS)/manifest.json
