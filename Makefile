# "make" says what there is. Everything a target needs and is missing is installed where there is apt and npm.
SHELL := /bin/bash
need := ./build/need.sh
page := frontend/dist/index.html
desktop_tags := desktop,production,webkit2_41
# What the page is made of: a change of any of it builds the page anew.
page_source := $(shell find frontend/src frontend/public frontend/index.html frontend/vite.config.ts frontend/licenses.ts frontend/unbuilt/licenses.txt frontend/package-lock.json -type f 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help run demo desktop build ui test check bench fuzz soak generate clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## build everything and start the server; ARGS="--port 6001" are passed on
	bin/echolab serve $(ARGS)

demo: build ## a client portal to try as two users, on Echolab alone; ARGS="--port 6001" are passed on
	@$(need) node portal
	@node testdata/portal/demo.mjs $(ARGS)

desktop: $(page) ## the same in a window of its own
	@$(need) go window
	go build -tags $(desktop_tags) -trimpath -ldflags '-s -w' -o bin/echolab-desktop .
	bin/echolab-desktop desktop $(ARGS)

build: $(page) ## bin/echolab: one static program with the page inside
	@$(need) go
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o bin/echolab .

ui: $(page) ## the page alone

$(page): $(page_source)
	@$(need) node page
	cd frontend && npm run --silent build

generate: ## the page's types from the API's, and the notices of the modules in the program
	@$(need) go
	go run ./build/tsgen
	go run ./build/licenses

test: ## every check there is; STEPS="go window" runs only those
	@$(need) go node race page clients portal chromium window screen
	@go run ./build/check $(STEPS)

check: ## the quick ones: format, vet, types, unit tests
	@$(need) go node race page
	@go run ./build/check format generated page-types page-units vet go

bench: build ## the figures: a server on one core under load from the other (RUNS=3), then the benchmarks beside the code
	go run ./build/bench -runs $(or $(RUNS),3) $(ONLY)
	$(if $(ONLY),,go test -run '^$$' -bench . -benchmem ./...)

fuzz: ## each fuzz target for FUZZTIME (20s)
	@$(need) go
	@grep -rlE '^func Fuzz' --include='*_test.go' app emulator harness 2>/dev/null | while read -r file; do \
	  for name in $$(grep -oE '^func Fuzz\w+' "$$file" | cut -d' ' -f2); do \
	    echo "$$name in $$(dirname "$$file")"; \
	    go test -run '^$$' -fuzz "^$$name$$" -fuzztime $(or $(FUZZTIME),20s) -fuzzminimizetime 10x "./$$(dirname "$$file")" || exit 1; \
	  done; \
	done

soak: ## two thousand busy connections for FOR (10m): nothing lost, nothing left behind
	@$(need) go
	go test -tags soak -run '^TestSoak$$' -v -timeout 0 ./app -soak.for $(or $(FOR),10m)

clean: ## what was built
	rm -rf bin .cache
	find frontend/dist -mindepth 1 ! -name .gitkeep -delete
