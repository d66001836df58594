# Build Deep: every task of a maintainer, an instructor and a learner. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
BUILD  := _build
SETUP  := $(VENV)/.installed
# nbgrader calls alembic and jupyter-book calls node by name: both live in the environment.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export TF_CPP_MIN_LOG_LEVEL := 3
export PYTHONUNBUFFERED := 1

help:  ## list what make can do
	@echo "Build Deep. On a fresh machine: 'make book' builds the book, 'make test' tests everything."
	@echo
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

setup: $(SETUP)  ## create .venv with the exact versions of requirements.lock

$(SETUP): requirements.lock pyproject.toml package-lock.json
	@$(PYTHON) tools/preflight.py
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the exact versions of requirements.lock (a few minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m pip check
	@npm ci --silent
	@touch $@

book: $(SETUP)  ## run every chapter, build the site, print its path
	@$(BIN)/python tools/execute.py book
	@$(BIN)/python tools/build_site.py

test: $(SETUP)  ## lint, run every notebook, all tests, the book in a browser (FORCE=1: again)
	@$(BIN)/python tools/run_tests.py $(if $(FORCE),--force)

lite: $(SETUP)  ## what runs in a browser, offered by the book's pages (network; PYODIDE=1: with Python)
	@$(if $(PYODIDE),$(BIN)/python tools/pyodide.py)
	@$(BIN)/python tools/lite.py $(if $(PYODIDE),--pyodide $(BUILD)/pyodide)
	@$(BIN)/python tools/build_site.py

test-lite: $(SETUP)  ## a chapter and the exercises in a browser's Python, no other host (needs the index)
	@$(BIN)/python tools/pyodide.py
	@COURSE_LITE=1 $(BIN)/python -m pytest -q tests/test_lite_browser.py

readme-pictures: book  ## take the README's pictures from the built book
	@$(BIN)/python tools/readme_pictures.py

test-browser: $(SETUP)  ## every test that opens a browser, on the built book; says how long
	@$(BIN)/python tools/browser.py
	@$(BIN)/python tools/browser.py --firefox --optional
	@$(BIN)/python -m pytest -q -m browser -n 2 --dist loadgroup --durations=10 \
		$$(grep -l 'mark\.browser' tests/test_*.py)

test-firefox: $(SETUP)  ## the built book in Firefox: a smoke test
	@$(BIN)/python tools/browser.py --firefox
	@COURSE_FIREFOX=1 $(BIN)/python -m pytest -q tests/test_firefox.py

lab: $(SETUP)  ## open JupyterLab on the course
	@$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root)

release: $(SETUP)  ## make exercises/ again from solutions/
	@$(BIN)/python tools/release.py

exercises-report: $(SETUP)  ## test the tests: right answers, wrong ones, mutants (SEEDS=20 THREADS=1,2,4 ENOUGH=25)
	@$(BIN)/python tools/exercises_report.py $(if $(SEEDS),--seeds $(SEEDS)) $(if $(THREADS),--threads $(THREADS)) $(if $(ENOUGH),--enough $(ENOUGH))

grade-demo: $(SETUP)  ## play a class of synthetic students through nbgrader
	@$(BIN)/python tools/grade_demo.py

serve: $(SETUP)  ## read the book on this machine; what you save is shown at once (RUN=1: and run)
	@$(BIN)/python tools/serve.py $(if $(RUN),--run) $(if $(PORT),--port $(PORT))

pdf: book  ## print the whole book: _build/build-deep.pdf
	@$(BIN)/python tools/print_book.py

bench: $(SETUP)  ## measure speed and memory (nothing here passes or fails)
	@$(BIN)/python tools/bench.py

bench-training: $(SETUP)  ## seconds to 98 % on MNIST: starter program, NumPy, PyTorch, Keras
	@$(BIN)/python tools/bench_training.py

bench-text: $(SETUP)  ## chapter 10's race at full length, five seeds (half an hour and more)
	@$(BIN)/python tools/bench_text.py

bench-book: book  ## weight, seconds to interactive, Lighthouse, build times of the book
	@$(BIN)/python tools/bench_book.py

bench-grading: $(SETUP)  ## a class graded by nbgrader, by nbgrader with our plugins, by course grade
	@$(BIN)/python tools/bench_grading.py

format: $(SETUP)  ## format code, put notebooks into their normal form
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format --quiet .
	@$(BIN)/python tools/normalise.py

lint: $(SETUP)  ## check code style, types and the notebooks; changes nothing
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "Not formatted: run 'make format'."; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/python tools/lint_notebooks.py

lock:  ## resolve pyproject.toml anew into requirements.lock (UPGRADE=1 for newest)
	@$(PYTHON) -m venv $(BUILD)/lock-tools && $(BUILD)/lock-tools/bin/pip install --quiet uv
	@PATH="$(CURDIR)/$(BUILD)/lock-tools/bin:$$PATH" $(BUILD)/lock-tools/bin/python tools/lock.py $(if $(UPGRADE),--upgrade)

clean:  ## remove what builds made (keeps .venv and downloaded data)
	@rm -rf $(BUILD) .pytest_cache .mypy_cache .ruff_cache .hypothesis

clean-all: clean  ## remove .venv and node_modules too
	@rm -rf $(VENV) node_modules build_deep.egg-info

.PHONY: help setup book test test-browser test-firefox readme-pictures lite test-lite lab release exercises-report grade-demo serve pdf bench bench-training bench-grading bench-text bench-book format lint lock clean clean-all
