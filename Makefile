# make serve   run vAIn here           make test    everything that is tested
# make check   types, lint, floors     make bench   the figures in docs/benchmarks.md
# make wheel   build into dist/        make lock    renew both locks (needs uv)
#
# Another Python: make PYTHON=python3.12 serve.   Options of a command: make serve ARGS="--port 80".

PYTHON ?= python3
VENV ?= .venv
UV ?= uv
# A release is taken into a lock a week after it came out, so that a stolen one is likely found first.
COOL_DOWN ?= 7 days
ARGS ?=

BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-input
# The project itself, without network: what it needs came with the lock.
INSTALL_PROJECT := $(PIP_INSTALL) --no-index --no-deps --no-build-isolation --editable .
COMPILE := $(UV) pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--exclude-newer "$(COOL_DOWN)" --custom-compile-command "make lock" --group install

.PHONY: serve test check lock bench wheel clean

serve: $(VENV)/.installed
	$(BIN)/vain serve $(ARGS)

test: $(VENV)/.installed-dev check
	@sh .ci/chromium
	@sh .ci/nginx $(VENV)/nginx
	@sh .ci/postgres $(VENV)/postgres
	$(BIN)/python -m pytest -m "not slow" -n 2 $(ARGS)
	$(BIN)/python -m pytest -m slow -n 2 --dist loadfile $(ARGS)

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(VENV)/.installed-dev
	@sh .ci/chromium
	$(BIN)/python -m benchmarks $(ARGS)

wheel: $(VENV)/.installed-dev
	$(BIN)/python -m build --no-isolation --outdir dist .

lock:
	$(COMPILE) --output-file requirements.lock
	$(COMPILE) --group test --group bench --constraints requirements.lock --output-file requirements-dev.lock

clean:
	rm -rf build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .schemathesis $(VENV)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "vAIn needs Python 3.11 or newer, and $(PYTHON) is: $$($(PYTHON) --version 2>&1 | tail -n 1)" >&2; \
		echo "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "$(PYTHON) could not make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

# The stamps: an install is redone when its lock or the project's own metadata changed, and only then.
$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	$(PIP_INSTALL) --require-hashes --no-deps -r requirements.lock
	$(INSTALL_PROJECT)
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock pyproject.toml | $(BIN)/python
	$(PIP_INSTALL) --require-hashes --no-deps -r requirements-dev.lock
	$(INSTALL_PROJECT)
	@touch $@
