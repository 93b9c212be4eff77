# make build   bin/mxplay with its agents inside
# make demo    a Debian host of our own, a homeserver on it, and where to look
# make test    everything: build, lint, unit tests, tests on real hosts
# make lab     Debian hosts to try things on; make lab-down removes them
#
# Only git, Go and apt are needed; what else a target wants it installs. The lab
# needs root. MXPLAY_LAB_NET=89 keeps one lab apart from another (lab help).

SHELL       := /bin/bash
.SHELLFLAGS := -o pipefail -ec

GO       ?= go
GOFLAGS  += -trimpath -buildvcs=false
LAB      ?= bookworm:bookworm trixie:trixie sid:sid
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
ARCHES   := amd64 arm64 arm
AGENTS   := cmd/mxplay/agents
LDFLAGS  := -s -w -X main.version=$(VERSION)
DISTS    := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64

# Sources decide what is built again.
go_files      = $(shell find $(1) -name '*.go' -not -name '*_test.go' 2>/dev/null) go.mod go.sum
AGENT_SOURCES := $(call go_files,cmd/mxplay-agent cmd/mxplay/agents modules runner/agent runner/boot runner/wire)
SOURCES       := $(call go_files,cmd/mxplay inventory modules runner playbooks)
SHIPPED       := $(shell find playbooks -type f 2>/dev/null)

# Packages that run on a controller; the others are for Linux hosts and machines.
EVERYWHERE = $(shell $(GO) list ./... | grep -vE '/e2e(/|$$)|/runner/agent$$|/cmd/mxplay-agent$$')
# Packages with tests that want real hosts.
REAL        = $(addprefix ./,$(sort $(patsubst %/,%,$(dir $(shell grep -rlE '^//go:build lab|MXPLAY_LAB' --include='*_test.go' cmd e2e examples inventory modules playbooks runner 2>/dev/null)))))
# Where the lab keeps its state, and the hosts that lab-test brings up for tests that start none.
STATE      := /run/mxplay-lab$(if $(filter-out 88,$(MXPLAY_LAB_NET)),-$(MXPLAY_LAB_NET))
TEST_HOSTS := test-bookworm:bookworm test-trixie:trixie test-sid:sid
TEST_BARE  := test-bare:trixie
names       = $(foreach h,$(1),$(firstword $(subst :, ,$(h))))
# The client of the lab's tests is a module of its own: mautrix stays out of go.mod.
CLIENT     := e2e/client
CLIENT_ENV := CGO_ENABLED=0
CLIENT_GO   = $(CLIENT_ENV) $(GO)
# tally shows what go test says and keeps count.
TALLY      := bin/tally -keep bin/tests

.PHONY: build agents dist tools lint cross unit editor-test lab-test test demo demo-down lab lab-down docs bench scale clean conformance-record migrate-measure

build: bin/mxplay

bin/mxplay: $(AGENTS)/manifest.json $(SOURCES) $(SHIPPED)
	$(GO) build $(GOFLAGS) -ldflags '$(LDFLAGS)' -o $@ ./cmd/mxplay

agents: $(AGENTS)/manifest.json

# One static agent a processor, compressed, and a manifest of their hashes.
$(AGENTS)/manifest.json: $(AGENT_SOURCES)
	$(GO) run ./cmd/mxplay/agents/build $(AGENTS) $(ARCHES)

dist: agents
	@mkdir -p dist
	@for d in $(DISTS); do \
	  o=dist/mxplay-$${d%/*}-$${d#*/}; echo $$o; \
	  CGO_ENABLED=0 GOOS=$${d%/*} GOARCH=$${d#*/} $(GO) build $(GOFLAGS) -ldflags '$(LDFLAGS)' -o $$o ./cmd/mxplay; \
	done
	@cd dist && sha256sum mxplay-* > SHA256SUMS && cat SHA256SUMS

# What the tests want of the machine: a C compiler for the race detector, ssh.
tools:
	@need=; \
	command -v gcc >/dev/null || need="$$need gcc libc6-dev"; \
	command -v ssh >/dev/null || need="$$need openssh-client"; \
	if [ -n "$$need" ]; then \
	  echo "installing$$need"; \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  $$sudo apt-get -q -o DPkg::Lock::Timeout=300 update; \
	  $$sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends $$need; \
	fi

# The arrows between packages are a test: cmd/mxplay/house_test.go.
lint: agents
	@bad=$$(gofmt -l cmd e2e inventory modules playbooks runner $(wildcard examples)); [ -z "$$bad" ] || { echo "gofmt -w $$bad"; exit 1; }
	$(GO) vet -tags lab,editor ./...
	$(GO) tool staticcheck -tags lab,editor ./...
	$(GO) mod verify
	staticcheck=$$($(GO) tool -n staticcheck); cd $(CLIENT); \
	$(CLIENT_GO) vet -tags goolm ./... && $(CLIENT_ENV) $$staticcheck -tags goolm ./... && $(CLIENT_GO) mod verify

# mxplay builds, and its unit tests compile, for every controller.
cross: agents
	@for d in $(DISTS); do \
	  echo "cross $$d"; export CGO_ENABLED=0 GOOS=$${d%/*} GOARCH=$${d#*/}; \
	  $(GO) build $(GOFLAGS) -o /dev/null ./cmd/mxplay; $(GO) vet $(EVERYWHERE); \
	done

bin/tally: $(wildcard e2e/cmd/tally/*.go)
	$(GO) build $(GOFLAGS) -o $@ ./e2e/cmd/tally

unit: tools agents bin/tally
	{ $(GO) test -race -json ./...; cd $(CLIENT); $(CLIENT_GO) test -json -tags goolm ./...; } | $(TALLY) unit

# What a YAML language server makes of the schemas for editors.
EDITOR_SERVER := yaml-language-server@2.0.0

bin/editor/$(EDITOR_SERVER):
	@command -v npm >/dev/null || { \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  $$sudo apt-get -q -o DPkg::Lock::Timeout=300 update; \
	  $$sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends nodejs npm; \
	}
	@rm -rf bin/editor; mkdir -p bin/editor
	npm install --no-save --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error --prefix bin/editor $(EDITOR_SERVER)
	@touch $@

editor-test: agents bin/tally bin/editor/$(EDITOR_SERVER)
	MXPLAY_EDITOR=$(CURDIR)/bin/editor $(GO) test -json -tags editor -count=1 -run TestEditor ./cmd/mxplay | $(TALLY) editor-test

lab-test: tools build bin/tally
	CGO_ENABLED=0 $(GO) build $(GOFLAGS) -ldflags '-s -w' -o bin/mxplay-agent ./cmd/mxplay-agent
	$(GO) build $(GOFLAGS) -o bin/lab ./e2e/cmd/lab
	bin/lab up $(addprefix --host ,$(TEST_HOSTS) $(TEST_BARE))
	trap 'bin/lab down $(call names,$(TEST_HOSTS) $(TEST_BARE))' EXIT; \
	MXPLAY_BIN=$(CURDIR)/bin/mxplay MXPLAY_AGENT=$(CURDIR)/bin/mxplay-agent \
	MXPLAY_LAB=$(STATE) MXPLAY_LAB_SSH=$(STATE)/ssh_config MXPLAY_LAB_HOSTS='$(call names,$(TEST_HOSTS))' MXPLAY_LAB_BARE=$(call names,$(TEST_BARE)) \
	$(GO) test -json -tags lab -p 1 -count=1 -timeout 40m $(REAL) | $(TALLY) lab-test

test:
	@rm -f bin/tests
	@$(MAKE) --no-print-directory tools
	@$(MAKE) --no-print-directory build
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory editor-test
	@$(MAKE) --no-print-directory cross
	@$(MAKE) --no-print-directory lab-test
	@cat bin/tests

demo: build
	$(GO) run ./e2e/cmd/demo

demo-down:
	$(GO) run ./e2e/cmd/lab down demo

lab:
	$(GO) run ./e2e/cmd/lab up $(addprefix --host ,$(LAB))

lab-down:
	$(GO) run ./e2e/cmd/lab down

# The reference pages, written from the modules' tags and the tables of words.
docs:
	UPDATE=1 $(GO) test -count=1 -run 'TestPages' ./cmd/mxplay

# What Ansible answers to the conformance cases, asked anew in a tree with ansible-core 2.19.
conformance-record: tools
	root=$$($(GO) run ./e2e/cmd/lab ansible); \
	$(GO) test -count=1 ./inventory -run 'TestAnsible' -record $$root; \
	$(GO) test -count=1 -timeout 30m ./runner -run 'TestAnsible' -record $$root

# What mxplay migrate brings over of each role and playbook in a folder of yours: make migrate-measure ROLES=DIR
migrate-measure: build
	@test -n "$(ROLES)" || { echo "make migrate-measure ROLES=DIR: a folder with roles or checked out repositories in it"; exit 2; }
	bin/mxplay migrate --summary $(ROLES)/*/ || test $$? = 1

# A run without changes beside a script that only looks, and beside Ansible.
bench: build
	$(GO) run ./e2e/bench -limits

# What large sites cost, up to 1,000 roles and hosts; fails above 2 s of processor time or 400 MB.
scale: build
	$(GO) run ./e2e/scale -limits

clean:
	rm -rf bin dist $(AGENTS)/*.gz $(AGENTS)/manifest.json
