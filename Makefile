# The two that matter are `make book` and `make test`. Each makes .venv from the exact
# set in constraints.txt if it is missing or older than that file, then does its job.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.installed
HTML   := book/_build/html

# How pytest is asked to run the chapters again and compare them with their stored outputs.
CHAPTERS := --chapters book

.DEFAULT_GOAL := help
.PHONY: help book lab test test-matrix chapters weights bench site-test lint format address clean distclean

help:  ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Python 3.11 or newer is needed; set it with: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "Python cannot make a virtual environment (on Debian and Ubuntu: apt install python3-venv)"; exit 1; }
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[book,test,dev]'
	@touch $@

book: $(READY)  ## build the book from the stored outputs, and print the page to open
	@rm -rf book/_build
	$(BIN)/jupyter-book build . --path-output book --all -W --keep-going -q
	@echo "The book is built. Open file://$(CURDIR)/$(HTML)/index.html"

lab: $(READY)  ## open the chapters in JupyterLab
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[lab]'
	@$(BIN)/jupyter trust book/*.ipynb > /dev/null  # else JupyterLab hides the drawings until a run
	$(BIN)/jupyter lab book

test: lint  ## check style, package and every chapter's stored outputs
	$(BIN)/python -m pytest tests $(CHAPTERS)

test-matrix: $(READY)  ## check that stored outputs hold with one thread, and with AVX2 only
	$(BIN)/python tests/notebooks/matrix.py

chapters: $(READY)  ## build and run the notebooks whose source changed (CHAPTER=07, CHAPTER=--all)
	$(BIN)/python book/build.py $(CHAPTER)

weights: $(READY)  ## train all bundled weights again (takes hours)
	$(BIN)/python benchmarks/train_weights.py

bench: $(READY)  ## measure speed, and record it in benchmarks/
	$(BIN)/python benchmarks/run.py

site-test: $(READY)  ## check every page of the built book in Chromium
	@test -f $(HTML)/index.html || { echo "There is no book to test: run make book first"; exit 1; }
	$(BIN)/python -m pytest tests/site

lint: $(READY)  ## check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(READY)  ## mend style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

address: $(READY)  ## write the repository's address from pyproject.toml to wherever it is needed
	$(BIN)/python .ci/address.py

clean:  ## remove what was built, but keep .venv and build/weights
	rm -rf book/_build _build build/notebook-diffs dist reports .pytest_cache .ruff_cache .hypothesis
	find vaetut tests book benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

distclean: clean  ## remove .venv as well
	rm -rf $(VENV)
