# The two that matter are `make book` and `make test`. Each makes .venv from the exact
# set in constraints.txt if it is missing or older than that file, then does its job.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.installed
HTML   := book/_build/html
OLDEST := .venv-oldest
TOOLS  := .venv-tools
TOOLED := $(TOOLS)/.installed

# How pytest is asked to run the chapters again and compare them with their stored outputs.
CHAPTERS := --chapters book
# Two workers with one thread each, since the models here gain little from a second thread.
WORKERS := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile
# The chapters that train most: what they show must not depend on how a processor rounds.
SENSITIVE := book/01_from_autoencoders_to_vaes.ipynb book/10_what_goes_wrong.ipynb

.DEFAULT_GOAL := help
.PHONY: help book lab test test-oldest test-offline coverage test-matrix test-faults mutants mutmut chapters weights course bench bench-gpu speedrun site-test lighthouse epub pdf lint format address lock sbom clean distclean

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
	$(WORKERS) tests $(CHAPTERS)
	$(WORKERS) --chapters --chapters-rounding 1 $(SENSITIVE)

test-oldest:  ## run the unit tests with the oldest packages allowed (PYTHON=python3.11)
	$(PYTHON) -m venv --clear $(OLDEST)
	$(OLDEST)/bin/python -m pip install --quiet uv
	$(OLDEST)/bin/uv pip install --quiet --python $(OLDEST) --resolution lowest-direct -e '.[test]'
	$(OLDEST)/bin/python -m pytest tests -W default  # old packages warn of their own ways

test-offline: $(READY)  ## run the unit tests without a network (Linux)
	unshare --map-root-user --net sh -c 'ip link set lo up && $(WORKERS) tests'

coverage: $(READY)  ## measure which branches of the package the unit tests take
	$(BIN)/coverage erase
	OMP_NUM_THREADS=1 $(BIN)/coverage run -m pytest -n 2 --dist loadfile tests
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

test-matrix: $(READY)  ## check that stored outputs hold on other machines (hours; SETTING=one)
	$(BIN)/python -m tests.notebooks.matrix $(SETTING)

test-faults: $(READY)  ## kill processes and fill disks, and see that no file is lost (minutes)
	$(BIN)/python -m pytest tests/faults

mutants: $(READY)  ## plant faults one at a time, and see which test notices (WORDS="Adam eps")
	$(BIN)/python -m tests.mutants $(WORDS)

mutmut: $(READY)  ## let a machine change the package's heart, place by place (an hour; MODULES=vaetut/noise.py)
	$(BIN)/python -m tests.mutants.machine $(MODULES)

chapters: $(READY)  ## build and run the notebooks whose source changed (CHAPTER=07, CHAPTER=--all)
	$(BIN)/python book/build.py $(CHAPTER)

weights: $(READY)  ## train all bundled weights again (takes hours)
	$(BIN)/python benchmarks/train_weights.py

course: $(READY)  ## make the kit for teachers in build/course (PACKS=--packs: also for otter, nbgrader)
	$(BIN)/python -m book.course $(PACKS)

bench: $(READY)  ## measure speed, and record it in benchmarks/ (half an hour, nothing else running)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[bench]'
	$(BIN)/python -m benchmarks.run

bench-gpu: $(READY)  ## measure training and evaluation on a GPU, and record it (minutes)
	$(BIN)/python -m benchmarks.gpu

speedrun: $(READY)  ## print the speedrun's records; benchmarks/SPEEDRUN.md has the rules
	$(BIN)/python -m benchmarks.speedrun

site-test: $(READY)  ## check every page of the built book in Chromium
	@test -f $(HTML)/index.html || { echo "There is no book to test: run make book first"; exit 1; }
	$(BIN)/python -m pytest tests/site

lighthouse: $(READY)  ## measure every page of the built book, and record it (needs Node)
	@test -f $(HTML)/index.html || { echo "There is no book to measure: run make book first"; exit 1; }
	$(BIN)/python -m benchmarks.lighthouse

epub: $(READY)  ## build the book as an EPUB
	$(BIN)/jupyter-book build . --path-output book/_build/epub --builder custom --custom-builder epub --all -q
	@cp book/_build/epub/_build/epub/*.epub book/_build/vaetut.epub
	@echo "The e-book is book/_build/vaetut.epub"

pdf: $(READY)  ## build the book as a PDF, where TeX is installed
	@command -v latexmk > /dev/null && command -v xelatex > /dev/null || \
	  { echo "A PDF needs TeX with latexmk and xelatex (on Debian and Ubuntu: apt install latexmk texlive-xetex texlive-latex-extra texlive-fonts-recommended texlive-fonts-extra fonts-freefont-otf imagemagick librsvg2-bin)"; exit 1; }
	$(BIN)/jupyter-book build . --path-output book/_build/pdf --builder pdflatex --all -q
	@cp book/_build/pdf/_build/latex/*.pdf book/_build/vaetut.pdf
	@echo "The book is book/_build/vaetut.pdf"

lint: $(READY)  ## check style, and that what is imported is declared
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/deptry . book book/_ext
	$(BIN)/deptry vaetut --ignore DEP002 --optional-dependencies-dev-groups lab,book,test,dev,bench
	$(BIN)/oxlint --deny-warnings book

format: $(READY)  ## mend style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

address: $(READY)  ## write the repository's address from pyproject.toml to wherever it is needed
	$(BIN)/python .ci/address.py

lock: $(READY) $(TOOLED)  ## write locks/ again: the pinned set with hashes, and the packages' licences
	$(TOOLS)/bin/uv pip compile pyproject.toml --extra book --extra test --extra dev -c constraints.txt \
	  --generate-hashes --python-version 3.11.9 --python-platform x86_64-manylinux_2_28 \
	  --no-annotate --no-header --quiet --output-file locks/linux-x86_64.txt
	$(TOOLS)/bin/pip-licenses --python $(BIN)/python --with-system --ignore-packages vaetut pip \
	  --format=markdown --output-file locks/licences.md

sbom: $(TOOLED)  ## write the list of all packages, in CycloneDX's form, to build/sbom.json
	@mkdir -p build
	$(TOOLS)/bin/cyclonedx-py requirements locks/linux-x86_64.txt --output-reproducible -o build/sbom.json

$(TOOLED):
	@$(PYTHON) -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip install --quiet uv==0.13.9 pip-licenses==5.5.5 cyclonedx-bom==7.5.0
	@touch $@

clean:  ## remove what was built, but keep .venv and build/weights
	rm -rf book/_build _build build/notebook-diffs dist reports .pytest_cache .ruff_cache .hypothesis
	find vaetut tests book benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

distclean: clean  ## remove the environments as well
	rm -rf $(VENV) $(OLDEST) $(TOOLS)
