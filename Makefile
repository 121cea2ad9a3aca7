# The README's two commands are `make demo` and `make test`. Each works on a fresh clone with only
# Python 3.11+ and make; what it needs is installed into .venv once.
PYTHON ?= python3
BIN    := .venv/bin
# At least 25.1, the first pip that reads [dependency-groups].
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

# Tests that play a full disk would leave compiled files torn, and Python believes them.
export PYTHONDONTWRITEBYTECODE = 1

.PHONY: demo test coverage lint interop soak bench compiled completions clean

demo: .venv/.run
	@$(BIN)/pushkit demo

test: .venv/.dev lint compiled
	@$(BIN)/python -m pytest -n 2

# The same tests, and the lines and branches that they never ran; it takes half as long again.
coverage: .venv/.dev compiled
	@rm -rf .venv/coverage
	@$(BIN)/coverage run -m pytest -n 2
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

lint: .venv/.dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

interop: .venv/.dev compiled
	@sh tests/interop/peers.sh
	@sh tests/interop/clients/install.sh .venv
	@sh tests/interop/h2spec/install.sh .venv
	@$(BIN)/python -m pytest -q tests/interop

soak: .venv/.dev compiled
	@$(BIN)/python -m pytest -q tests/soak

# Once and whole, for the many commands that tests run in processes of their own.
compiled: .venv/.dev
	@$(BIN)/python -m compileall -q pushkit_cli

# All rows, or those that are named: make bench ROWS="senders memory" TARGETS=100000
bench: .venv/.dev compiled
	@sh tests/interop/peers.sh
	@sh tests/bench/clients/install.sh .venv
	@$(BIN)/python -m tests.bench $(ROWS) $(if $(TARGETS),--targets $(TARGETS))

completions: .venv/.run
	@$(BIN)/python -m tests.completions

clean:
	@rm -rf .venv

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "pushkit needs Python 3.11 or newer; try: make PYTHON=python3.11 ...")'
	@$(PYTHON) -m venv .venv

.venv/.run: .venv/bin/python pyproject.toml
	@echo "Installing pushkit into .venv (once)"
	@$(PIP) install -e .
	@touch $@

.venv/.dev: .venv/.run
	@echo "Installing what the tests need (once)"
	@$(PIP) install --upgrade 'pip>=25.1'
	@$(PIP) install --group dev
	@touch $@
