# Parley's workshop. `make` or `make help` lists what there is.
SHELL      := /bin/bash
GO         ?= go
BIN        := bin/parley
TOOLS      := $(CURDIR)/.tools
LINT       := $(TOOLS)/golangci-lint
LINT_VER   := v2.15.0
VERSION    ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS    := -s -w -X main.version=$(VERSION)
# Pure Go: nothing to install but the compiler.
export CGO_ENABLED ?= 0
# Tests: always fresh, in any order.
TESTFLAGS  := -count=1 -shuffle=on -timeout=20m
FUZZTIME   ?= 10s
# TAGS=nowhatsmeow leaves WhatsApp-web out, and with it what is under the GPL-3.0.
TAGS       ?=

.DEFAULT_GOAL := help
.PHONY: help build run test check generate lint race fuzz bench bench-pool e2e cluster-test answers-test golden fmt vet tidy generated arch setup clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/parley, one static binary (TAGS=nowhatsmeow: without WhatsApp-web and its GPL-3.0)
	$(GO) build -tags '$(TAGS)' -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/parley

run: build ## run Parley: your ./parley.yaml, or the playground on http://127.0.0.1:8080/
	./$(BIN) serve

setup: ## make sure that what the tests need is there (Chromium, Node, Redis, PostgreSQL)
	@test/setup $(NEEDS)

# Most tests wait more than they work, so more packages run than there are processors. Tests
# of whole hubs start many processes each: one package has the machine at a time.
PARTS = -p $$(($$(getconf _NPROCESSORS_ONLN) * 3 / 2)) $$($(GO) list ./... | grep -v '/test/')
WHOLE = -p 1 ./test/...

race: NEEDS = gcc
test: setup ## run all tests
	$(GO) test $(TESTFLAGS) $(PARTS)
	$(GO) test $(TESTFLAGS) $(WHOLE)

# whatsmeow and its libraries have races of their own: a connection that ends while it is
# used, retry receipts of two phones for one message. They are built without the detector,
# which sees all other code in the same tests.
RACE = -race -gcflags='go.mau.fi/...=-race=false'

# Where a test runs the hub as a program, the detector would see the test alone: these have
# the hub inside.
INSIDE = -p 1 $$($(GO) list -f '{{.ImportPath}} {{.Imports}} {{.TestImports}} {{.XTestImports}}' ./test/... | grep -v 'test/hubtest' | cut -d' ' -f1)

race: setup ## run all tests of code under the race detector, but not those of the program
	CGO_ENABLED=1 $(GO) test $(RACE) $(TESTFLAGS) $(PARTS)
	CGO_ENABLED=1 $(GO) test $(RACE) $(TESTFLAGS) $(INSIDE)

check: fmt vet lint tidy generated arch race ## everything that "done" means; CI runs it

fmt: ## fail when a file is not gofmt-ed
	@files=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); if [ -n "$$files" ]; then echo "not gofmt-ed:"; echo "$$files"; exit 1; fi

vet: ## go vet, with WhatsApp-web and without
	$(GO) vet ./...
	$(GO) vet -tags nowhatsmeow ./...

lint: $(LINT) ## golangci-lint, with the house's import rules
	$(LINT) run --timeout 10m

$(LINT):
	GOBIN=$(TOOLS) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VER)

tidy: ## fail when go.mod or go.sum are not tidy
	$(GO) mod tidy -diff

# The packages whose tests hold golden files still.
GOLDEN = $$(git grep -l --untracked -e '"update", false' -e 'adaptertest\.Golden' -- '*_test.go' | xargs -n1 dirname | sort -u | sed 's|^|./|')

generate: ## write the Go files of the plugin protocol from its .proto; no protoc is needed
	$(GO) generate ./skills/plugin/protocol

generated: golden generate ## fail when golden files or generated code differ from what they are made of
	@if ! git diff --quiet -- '*.pb.go'; then echo "generated code is not up to date:"; git diff --stat -- '*.pb.go'; exit 1; fi
	@if ! git diff --quiet -- '*testdata*'; then echo "golden files are not up to date:"; git diff --stat -- '*testdata*'; exit 1; fi

arch: ## the import table: who may import whom
	$(GO) test -count=1 ./internal/arch

golden: ## rewrite the golden files; read the diff before you commit it
	$(GO) test -count=1 $(GOLDEN) -run Golden -update

fuzz: ## run every fuzz target for FUZZTIME (10s)
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg; done; done

bench: build ## throughput, latency and isolation through the whole hub, against a bare loop
	$(GO) test -run '^$$' -bench . -benchtime 1x -count=1 -timeout 30m ./test/load

bench-pool: ## the pool of model workers against its goals: one table, from a seed (SEED)
	@$(GO) test -v -run '^TestTable$$$$' -count=1 -timeout 20m ./test/load/pool -table -seed $(SEED)

e2e: build ## crash test: kill -9 and SIGTERM under load (MESSAGES, CHATS, KILLS to change it), and a short cluster-test
	$(GO) test $(TESTFLAGS) -v -run 'Crash|Cluster' ./test/crash -messages $(or $(MESSAGES),2000) -chats $(or $(CHATS),50) -kills $(or $(KILLS),5) \
	  -turns $(or $(MESSAGES),2000) -strikes $(or $(STRIKES),40)

MINUTES ?= 3
SEED    ?= 0
FORM    ?= sentinel
cluster-test: build setup ## several hubs while everything around them fails, from a seed (MINUTES, SEED, FORM=sentinel or cluster)
	$(GO) test -count=1 -timeout $$(( $(MINUTES) + 10 ))m -v -run 'TestCluster$$' ./test/crash -duration $(MINUTES)m -seed $(SEED) -redis $(FORM)

answers-test: build ## what people of four platforms see while model workers fail, from a seed (MINUTES, SEED)
	$(GO) test -count=1 -timeout $$(( $(MINUTES) + 10 ))m -v -run 'TestAnswers$$' ./test/answers -duration $(MINUTES)m -seed $(SEED)

clean: ## remove what was built
	rm -rf bin .tools
