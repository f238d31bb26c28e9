# Everything one does with this repository. `make` alone lists it.
# Targets print what they do only where it takes long; what is missing is installed or named by tools/needs.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.PHONY: help run build server test bench peers bench-peers bench-search profile s3 smtp sim crash claims lint fuzz vulncheck clean

# What may be set on the command line, as in `make fuzz T=10m`.
DATA     ?= ./data
T        ?= 1m
SEATS    ?= 20007
ATTEMPTS ?= 200000
CYCLES   ?= 100
KILLS    ?= 10
REPEAT   ?= 2
SEEDS    ?= 20000
FROM     ?= 1

# The compiler is told where a rush spends its time. Peers are built so as well.
PGO      := cmd/ticketblue/rush.pgo
BUILD    := go build -trimpath -pgo=$(CURDIR)/$(PGO)

# Packages tested at the same time: each starts a Postgres of its own, and deadlines in tests suppose that a core is free.
PARALLEL := 2

help: ## List what can be done
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Start everything, with a demo, on this machine; data stays in ./data
	@tools/needs server
	@$(MAKE) server
	@exec bin/ticketblue serve --demo --data $(DATA)

build: server ## Build bin/ticketblue and bin/bench
	@$(BUILD) -o bin/bench ./bench

server:
	@echo "Compiling bin/ticketblue (the first time takes a minute or two)..."
	@$(BUILD) -o bin/ticketblue ./cmd/ticketblue

test: ## Check everything: vet, and every test with the race detector, on real Postgres
	@tools/needs postgres compiler curl browser
	go vet ./...
	go test -race -p $(PARALLEL) -timeout 60m ./...

bench: build ## Sell out SEATS seats to ATTEMPTS attempts on a server of its own; ends in PASS or FAIL
	@mkdir -p report
	@bin/bench rush --seats $(SEATS) --attempts $(ATTEMPTS) --json report/rush.json --html report/rush.html

peers:
	@cd bench/peers && $(BUILD) -o ../../bin/peers .

bench-peers: build peers ## Measure Ticket Blue beside what people would use instead, REPEAT times by turns; ten minutes
	@tools/needs postgres redis
	@go -C bench/peers test ./...
	@mkdir -p report
	@bin/bench peers --repeat $(REPEAT) --json report/peers.json --html report/peers.html

profile: build ## Profile the server in rushes of three kinds, for the compiler: writes cmd/ticketblue/rush.pgo; two minutes
	@mkdir -p report/profiles
	@for seed in 1 2 3; do for kind in spread "hot --seats 100000" mixed; do \
		bin/bench run --workload $$kind --seed $$seed --slice 4s --noop 1s --seconds 8 --profile "report/profiles/$${kind%% *}$$seed.pprof"; \
	done; done
	@go tool pprof -proto report/profiles/*.pprof > $(PGO)

s3: ## Test the bucket for posters against a real S3 server, versitygw (the first run compiles it: minutes)
	@go -C tools/s3 build -o ../../bin/versitygw github.com/versity/versitygw/cmd/versitygw
	@tools/s3/run bin/versitygw go test -race -count=1 -v ./persistence/blobs

smtp: ## Test mail against a server of another make, aiosmtpd, read by Python's parser of mail
	@tools/needs compiler smtpd
	TB_TEST_SMTPD="/usr/bin/python3 $(CURDIR)/tools/smtp/server.py" go test -race -count=1 -v -run '^TestMailArrivesIntact$$' ./notify

sim: ## Play SEEDS histories with every fault from seed FROM on; SEEDS=1 FROM=n repeats one
	SEEDS=$(SEEDS) FROM=$(FROM) go test ./sim -run '^TestSim$$' -count=1 -timeout 3h -v

crash: ## Kill -9 the program, its Postgres, and both, CYCLES times during a rush; CRASH_SEED=n repeats a run
	@tools/needs postgres
	CRASH_CYCLES=$(CYCLES) go test ./cmd/ticketblue -run '^TestCrash$$' -count=1 -timeout 3h -v

claims: ## Claim 100,000 times, ten clients of each of 1,000 customers, through KILLS kills: a stock of 1,000, one each
	@tools/needs postgres
	CLAIMS_STOCK=1000 CLAIMS_USERS=1000 CLAIMS_TURNS=10 CLAIMS_KILLS=$(KILLS) go test ./cmd/ticketblue -run '^TestClaimsThroughKills$$' -count=1 -timeout 1h -v

lint: ## Run the linters of .golangci.yml (the first run compiles them: minutes)
	go tool -modfile=tools/go.mod golangci-lint run

bench-search: build ## Search 225,000 documents by the index and by SQL: some five minutes; the first time ten more, while they are made and followed
	@mkdir -p report
	@[ -d report/search-data ] || { for n in 1 2 3 4 5; do bin/ticketblue seed --size catalogue --seed $$n --data report/search-data; done; \
	bin/ticketblue rebuild --search --data report/search-data; }
	@bin/bench search --data report/search-data --json report/search.json

fuzz: ## Run every fuzz target for T, as in make fuzz T=10m
	@grep -rE --include='*_test.go' '^func Fuzz' . | sed -E 's|^(.*)/[^/]*:func (Fuzz[A-Za-z0-9_]*).*|\1 \2|' | sort | \
	while read -r package target; do \
		echo "$$package $$target, for $(T)"; \
		go test "$$package" -run '^$$' -fuzz "^$$target\$$" -fuzztime $(T) -fuzzminimizetime 20x; \
	done

clean: ## Remove what was built (never data)
	rm -rf bin report
