# payclear: two commands to begin with, `make run` and `make test`. `make help` lists all.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run test check coverage bench forgery provider fmt lock clean runtime development

PY := .venv/bin/python
ARGS ?=
NAME ?=
export PYTHON ?=

help: ## list what make can do
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

run: runtime ## start everything on this machine: database, simulator, web, worker, scheduler, example portal
	@exec $(PY) -m payclear.cli run $(ARGS)

test: development ## run every test (ARGS="-k name" chooses)
	@exec $(PY) -m pytest -n 2 --dist loadfile $(ARGS)

check: development ## lint, format, types and import contracts
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy payclear providers reconciliation
	.venv/bin/lint-imports

coverage: development ## run every test and show what no test reached
	$(PY) -m pytest -n 2 --dist loadfile --cov --cov-report=term $(ARGS)

bench: development ## measure callbacks, orders and reconciliation against pgbench on this machine
	@exec $(PY) -m bench $(ARGS)

forgery: development ## forge 100,000 callbacks of every adapter and believe none (ARGS="--only momo --count 2000")
	@exec $(PY) -m tests.providers.forgery $(ARGS)

provider: development ## write the skeleton of a new adapter: make provider NAME=songhong
	@test -n "$(NAME)" || { echo "payclear: name the adapter: make provider NAME=songhong" >&2; exit 2; }
	@$(PY) -m providers.scaffold "$(NAME)" $(ARGS)
	@$(PY) -m payclear.cli docs

fmt: development ## format the code and mend what the linter can mend
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

lock: development ## lock requirements/*.in into requirements/*.txt with hashes
	@for name in runtime development; do \
	    CUSTOM_COMPILE_COMMAND="make lock" .venv/bin/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras \
	        --no-emit-index-url --no-emit-find-links --no-emit-trusted-host $(ARGS) \
	        --output-file=requirements/$$name.txt requirements/$$name.in || exit 1; \
	done

clean: ## forget all data (var/): orders, database, simulator
	@if [ -x $(PY) ]; then $(PY) -m payclear.cli forget; else rm -rf var; fi

runtime:
	@sh requirements/install.sh runtime

development:
	@sh requirements/install.sh development
