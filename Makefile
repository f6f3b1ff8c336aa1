# Every target sets up all it needs, alone, on a machine with python3 >= 3.11, git and make. Nothing is installed outside
# .venv, except python3-venv on a Debian that lacks it (as root only; otherwise you are told what to install), and what
# test-ceph needs and keeps in the user's cache.

PYTHON ?= python3
PY := .venv/bin/python
READY := .venv/.ready
# One more than there are processors: tests wait a lot, for Git, for servers, for what they killed.
JOBS ?= $(shell $(PYTHON) -c 'import os; print(min(8, len(os.sched_getaffinity(0)) + 1))' 2>/dev/null || echo 3)

.DEFAULT_GOAL := help
.PHONY: help demo demo-s3 test test-ceph test-long lint format bench docs recording clean FORCE

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(READY) ## Play the example team's history, an incident and its rollback, in a throwaway repository
	@$(PY) examples/demo.py

demo-s3: $(READY) ## Play how two engineers share a bucket, on a real S3 server: Ceph, built when missing (root, Debian)
	@$(PY) examples/demo_s3.py $(ARGS)

test: $(READY) ## Run the tests (about ten minutes on two cores)
	@$(PY) -m pytest -n $(JOBS) --dist worksteal $(ARGS)

test-ceph: $(READY) ## Run the tests of S3 against Ceph, built when missing (root, Debian), else against LocalStack
	@$(PY) -m tests.servers.on_real_server -n $(JOBS) -m "s3 and not long" $(ARGS)

test-long: $(READY) ## Run every test with more seeds, larger registries and more processes
	@REPOINT_TEST_LONG=1 $(PY) -m pytest -n $(JOBS) -m "long or not long" --timeout 3600 $(ARGS)

lint: $(READY) ## Check style, formatting, types and the direction of imports
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports

format: $(READY) ## Format the code and mend what can be mended by itself
	@$(PY) -m ruff check --fix-only --quiet .
	@$(PY) -m ruff format .

bench: $(READY) ## Measure every command against the budgets in benchmarks/README.md
	@$(PY) benchmarks/run.py $(ARGS)

docs: $(READY) ## Write the generated parts of the documentation again
	@$(PY) docs/generate.py
	@$(PY) docs/incident_drill.py
	@$(PY) docs/run_pages.py
	@$(PY) docs/build_site.py

recording: $(READY) ## Record the incident in a terminal, into docs/recordings
	@$(PY) examples/incident.py

clean: ## Remove the virtual environment, the caches and everything that was built
	@rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .grimp_cache
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# The stamp names the place the environment was made for, and is removed first and written last: an interrupted set-up, a
# moved checkout or a Python that is gone means a new environment; a changed pyproject.toml or pin an update of the old one.
ifneq "$(shell test -x $(PY) && cat $(READY) 2>/dev/null)" "$(CURDIR)"
$(READY): FORCE
endif

$(READY): pyproject.toml constraints.txt
	@set -eu; \
	say() { printf '%s\n' "$$*" >&2; }; \
	if test -x $(PY) && test "$$(cat $@ 2>/dev/null)" = "$(CURDIR)"; then \
	    rm -f $@; \
	else \
	    command -v $(PYTHON) >/dev/null || { say "make: $(PYTHON) not found. Install Python 3.11 or later, or: make PYTHON=/path/to/python3"; exit 1; }; \
	    $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { say "make: $$($(PYTHON) --version) is too old. Install Python 3.11 or later, or: make PYTHON=/path/to/python3"; exit 1; }; \
	    if ! $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null && test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
	        say "Installing python3-venv ..."; \
	        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv; } >/dev/null || true; \
	    fi; \
	    $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { say "make: $(PYTHON) cannot make virtual environments. Install its venv module, on Debian or Ubuntu: sudo apt-get install python3-venv"; exit 1; }; \
	    say "Setting up .venv (once, about a minute) ..."; \
	    rm -rf .venv; \
	    $(PYTHON) -m venv .venv; \
	fi; \
	$(PY) -m pip install --disable-pip-version-check --no-input --quiet -c constraints.txt hatchling; \
	$(PY) -m pip install --disable-pip-version-check --no-input --quiet -c constraints.txt --no-build-isolation -e '.[dev]'; \
	printf '%s\n' "$(CURDIR)" > $@

FORCE:
