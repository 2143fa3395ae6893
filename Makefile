# Daybook. `make demo` and `make test` install what is missing, in the open; everything else expects it to be there.
SHELL := /bin/sh
PREFIX ?= /usr/local
OUT ?= out
MONTH ?= 2026-10
SWIFT ?= swift

.PHONY: help demo build test test-servers soak lint format bench docs install clean tools demo-tools test-tools bench-tools

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: tools demo-tools ## Install what is missing, build, load the sample, write a month's reports, and show the engine at work.
	$(SWIFT) build --product daybook
	$(SWIFT) build --product daybookd
	$(SWIFT) build --product grsai-simulator
	@scripts/demo "$(MONTH)" "$(OUT)"

build: ## Build the programs for use (release).
	$(SWIFT) build --configuration release --static-swift-stdlib --product daybook
	$(SWIFT) build --configuration release --static-swift-stdlib --product daybookd
	$(SWIFT) build --configuration release --static-swift-stdlib --product grsai-simulator

test: tools test-tools ## Install what is missing and run every test.
	$(SWIFT) build --build-tests
	@scripts/run-tests

test-servers: tools test-tools ## Run one battery on PostgreSQL 15 to 18 and compare every byte. Writes docs/servers.md.
	$(SWIFT) build --build-tests
	@scripts/test-servers

soak: tools test-tools ## Run the long sweeps, about three hours. Writes docs/soak.md and docs/soak-retention.md, -engine.md, -month.md.
	$(SWIFT) build --build-tests
	@scripts/soak
	@scripts/soak-retention
	@scripts/soak-engine
	@scripts/soak-month

lint: ## Check the style of the code, strictly.
	$(SWIFT) format lint --strict --recursive --parallel Sources Tests Package.swift

format: ## Bring the code into its style.
	$(SWIFT) format --in-place --recursive --parallel Sources Tests Package.swift

bench: tools bench-tools ## Measure against COPY, a script, plain SQL and the C library, in one run each.
	@Benchmarks/run
	@Benchmarks/engine
	@Benchmarks/retention
	@Benchmarks/statements
	@Benchmarks/month

docs: ## Check that every help page renders and every document's links point at something.
	$(SWIFT) build --product daybook
	$(SWIFT) build --product grsai-simulator
	$(SWIFT) build --product daybookd
	@scripts/check-docs

install: build ## Install to PREFIX (default /usr/local): the programs, reports, templates, completions and manuals.
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(PREFIX)/share/daybook"
	for program in daybook daybookd grsai-simulator; do \
		install -m 0755 "$$($(SWIFT) build --configuration release --static-swift-stdlib --show-bin-path)/$$program" "$(DESTDIR)$(PREFIX)/bin/$$program" || exit 1; \
	done
	rm -rf "$(DESTDIR)$(PREFIX)/share/daybook/reports" "$(DESTDIR)$(PREFIX)/share/daybook/templates"
	cp -R reports templates "$(DESTDIR)$(PREFIX)/share/daybook/"
	@scripts/install-helps "$(DESTDIR)$(PREFIX)"

clean: ## Remove what was built and written here. The private server and its data stay.
	rm -rf .build out

tools:
	@scripts/install-packages "to build and run" libpq-dev libxlsxwriter-dev libssl-dev zlib1g-dev pkg-config postgresql-15 postgresql-client-15 curl ca-certificates

demo-tools:
	@scripts/install-packages "to receive a webhook" python3 python3-venv

bench-tools:
	@scripts/install-packages "to measure" python3 python3-venv gcc libc6-dev util-linux

test-tools:
	@scripts/install-packages "to check the outputs in tests" python3 python3-venv tzdata openssl nodejs \
		libreoffice-calc-nogui poppler-utils chromium libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-noto-core fonts-noto-cjk util-linux procps systemd gcc libc6-dev gzip pgbouncer hledger ledger prometheus
	@scripts/test-postgres 18 >/dev/null
