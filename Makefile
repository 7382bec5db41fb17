# Everything a checkout needs, made by itself: `make demo` is the shortest way to see it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install demo clean-demo check test test-targets lock docs clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

$(VENV)/bin/uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(VENV)/.installed: requirements.lock pyproject.toml | $(VENV)/bin/uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements-dev.lock
	touch $@

install: $(VENV)/.installed  ## Set up: Python environment, Pulumi CLI, `.venv/bin/mesh`
	@$(BIN)/python tools/install.py

demo: install  ## Four data products on this machine, checked against the raw data
	@$(BIN)/python tools/demo.py

clean-demo: install  ## Remove what the demo made
	@$(BIN)/mesh destroy --yes

check: $(VENV)/.installed-dev  ## Types, lint and fast tests (under a minute)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n auto -m "not engine and not software and not browser and not docker and not kubernetes and not images and not judge and not generated and not processes"

test: $(VENV)/.installed-dev install  ## Everything: real engine, real software, real browser, real containers
	@$(BIN)/python tools/browser.py
	@$(BIN)/python tools/containers.py
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -m "not kubernetes and not judge"

test-targets: $(VENV)/.installed-dev install  ## A real Kubernetes (built once, 6 min), and AWS judged from outside
	@$(BIN)/python tools/containers.py
	$(BIN)/python -m tests.kubernetes.programs
	$(BIN)/pytest -m "kubernetes or judge"

lock:  ## Pin the newest allowed versions
	$(BIN)/uv pip compile --quiet --no-emit-index-url --python-version 3.11 --universal pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --no-emit-index-url --python-version 3.11 --universal --extra aws --extra azure --extra docker --extra kubernetes --extra dev pyproject.toml -o requirements-dev.lock

docs: $(VENV)/.installed  ## Write the generated pages
	$(BIN)/python -m policies.document > docs/rules.md
	for kind in manifest template; do $(BIN)/mesh schema $$kind > docs/schemas/$$kind.json; done

clean: ## Remove the set-up (not the demo's data)
	rm -rf $(VENV) .tools .cache
