VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# -funcalign=16 aligns functions at 16 bytes instead of 32, which makes the binary about 1% smaller.
LDFLAGS = -s -w -funcalign=16 -X github.com/amsql/steampipe-plugin-am/am/cli.Version=$(VERSION)
PLATFORMS = linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
# Where make install puts amsql: in PREFIX/bin if PREFIX is set, otherwise where go install puts commands.
BINDIR = $(if $(PREFIX),$(PREFIX)/bin,$(or $(shell go env GOBIN),$(shell go env GOPATH)/bin))
STEAMPIPE_INSTALL_DIR ?= $(HOME)/.steampipe
PLUGIN_DIR = $(STEAMPIPE_INSTALL_DIR)/plugins/hub.steampipe.io/plugins/amsql/am@latest
BENCHTIME ?= 1s
FUZZTIME ?= 30s
SOAKTIME ?= 1h
RACED ?= ./...
# The packages that make test-mutation changes. crest takes a minute, each of the others an hour or more.
MUTATED ?= crest methods engine inventory rest
GREMLINS = go run github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0
# The newest version that Go 1.26 can build.
GORELEASER = go run github.com/goreleaser/goreleaser/v2@v2.16.0
# After the tests, am/internal/skipped lists the tests that were skipped and what they need.
GOTESTSUM = go run gotest.tools/gotestsum@v1.13.0 --format pkgname --format-hide-empty-pkg --hide-summary skipped \
	--jsonfile build/tests.jsonl --post-run-command "go run ./am/internal/skipped"

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# GOGC=400 lets the compiler use more memory to save time: a first build compiles a database engine.
.PHONY: build
build: ## build bin/amsql
	GOGC=400 CGO_ENABLED=0 go build -trimpath -ldflags "$(LDFLAGS)" -o bin/amsql .

# The tag leaves out what the demo does not use: Steampipe's SDK, histories, Parquet and the commands. The compiler optimizes nothing,
# writes no debugging information and takes up to 1 GiB before it collects garbage. A first build takes a third of the time it would.
.PHONY: demo
demo: ## show SQL over the sessions of a simulated AM
	@GOGC=off GOMEMLIMIT=1GiB CGO_ENABLED=0 go run -tags demo -gcflags 'all=-N -l -dwarf=false' .

.PHONY: test
test: build ## vet, then every test that needs no OpenAM
	go vet ./...
	$(GOTESTSUM) -- -timeout 30m ./...

.PHONY: test-race
test-race: ## the tests of make test, or those of the packages in RACED, under the race detector (needs a C compiler)
	$(GOTESTSUM) -- -race -timeout 60m $(RACED)

# The tests of a mutant are stopped when they take ten times as long as usual (.gremlins.yaml), so mutants that hang are found.
.PHONY: test-mutation
test-mutation: ## change the code of each package in MUTATED, and list the changes that no test notices (LIVED)
	@for package in $(MUTATED); do $(GREMLINS) unleash ./am/$$package || exit 1; done

.PHONY: soak
soak: ## run commands against a faulty simulated AM for SOAKTIME, and check that they leave nothing behind
	AMSQL_TEST_SOAK=$(SOAKTIME) go test -count=1 -v -timeout 0 -run TestSoak ./am/cli

# The command is built instead of run with "go run": interrupting make then interrupts the command, which stops the server.
.PHONY: bin/openam
bin/openam:
	@go build -o $@ ./am/internal/openamtest/openam

# Each package gets a new server, which runs for at most 20 minutes: when the first sessions expire, after 30 minutes, OpenAM's
# token store can deadlock, and OpenAM then no longer answers logins (OpenIdentityPlatform/OpenAM#216).
.PHONY: openam-test
openam-test: build bin/openam ## the tests named TestOpenAM… against a real OpenAM (needs Java 17 and Maven)
	@for package in $$(go list -f '{{.ImportPath}} {{.TestGoFiles}} {{.XTestGoFiles}}' ./... | awk '/openam_test.go|contract_test.go/ { print $$1 }'); do \
		bin/openam run -- go test -count=1 -timeout 20m -run OpenAM $$package || exit 1; \
	done

.PHONY: openam-record
openam-record: bin/openam ## record a real OpenAM's answers to the contract, which the simulator is compared with
	AMSQL_OPENAM_RECORD=testdata/openam-16.0.5.jsonl bin/openam run -- go test -count=1 -timeout 20m -run TestOpenAMContract ./am/rest

.PHONY: openam-up
openam-up: bin/openam ## start an OpenAM with sessions, and print the export AM_… lines to use it
	@bin/openam up

.PHONY: openam-down
openam-down: bin/openam ## stop the OpenAM of openam-up
	@bin/openam down

.PHONY: bench
bench: ## run the benchmarks
	go test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) -timeout 30m ./...

.PHONY: fuzz
fuzz: ## fuzz each target for FUZZTIME
	@for package in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
		done; \
	done

.PHONY: lint
lint: ## run golangci-lint, and actionlint on the workflows
	go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run
	go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 .github/workflows/*.yaml docs/deployment/github-actions.yaml

.PHONY: cross
cross: ## build for every system into build/cross (the first time takes some minutes for each)
	@for platform in $(PLATFORMS); do \
		os=$${platform%/*} arch=$${platform#*/}; extension=; [ $$os = windows ] && extension=.exe; \
		echo "build/cross/amsql-$$os-$$arch$$extension"; \
		CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch go build -trimpath -ldflags "$(LDFLAGS)" -o build/cross/amsql-$$os-$$arch$$extension . || exit 1; \
	done

.PHONY: man
man: ## write the manual pages into build/man
	go run ./am/cli/man build/man

.PHONY: install
install: build ## install amsql (PREFIX/bin, or as go install does) and the plugin for Steampipe
	mkdir -p "$(BINDIR)" "$(PLUGIN_DIR)"
	install bin/amsql "$(BINDIR)/amsql"
	install bin/amsql "$(PLUGIN_DIR)/steampipe-plugin-am.plugin"
	@case ":$$PATH:" in *":$(BINDIR):"*) ;; *) echo 'amsql is not on the path yet: export PATH="$$PATH:$(BINDIR)"';; esac

.PHONY: image
image: ## build the container image amsql:VERSION
	docker build -f config/Containerfile --build-arg VERSION=$(VERSION) -t amsql:$(VERSION) .

.PHONY: release-check
release-check: ## check the release configuration
	$(GORELEASER) check

.PHONY: release-snapshot
release-snapshot: ## build an unpublished release in dist (without the image and the SBOMs, which need docker and syft)
	HOMEBREW_TAP_TOKEN= $(GORELEASER) release --snapshot --clean --skip docker,sbom

.PHONY: release
release: ## publish a release of the current tag (needs docker, syft, GITHUB_TOKEN and HOMEBREW_TAP_TOKEN)
	$(GORELEASER) release --clean

.PHONY: clean
clean: openam-down ## remove what was built, downloaded or started
	rm -rf bin build dist
