# What a contributor types. Every target sets up what it needs by itself (tools/setup); nothing is asked of the machine but a
# Python of 3.10 or newer, and Chromium for the browser tests.
.POSIX:
.SUFFIXES:
.NOTPARALLEL:
.PHONY: help demo test lint types full fast versions format wheel campaign pictures benchmarks clean

PORT ?= 8000
VERSIONS ?= 3.10 3.11 3.12 3.13
ROUNDS ?= 5
CYCLES ?= 2000
SEED ?= 1
PYTEST_ARGS ?= -n auto --dist loadgroup
BIN = .venv/bin
# Bytecode is kept, whatever the environment says: else each process that a test starts compiles its libraries anew.
PYTHONDONTWRITEBYTECODE =

help:
	@echo 'make demo      the shop on http://127.0.0.1:$(PORT)/ and its sandbox (PORT=… for another port)'
	@echo 'make test      everything that has to pass: lint, types, all tests, and the fast ones on every Python here'
	@echo 'make fast      the fast tests only, on one Python'
	@echo 'make lint      ruff: rules and format          make format   put right what ruff can'
	@echo 'make types     mypy and pyright, both strict'
	@echo 'make wheel     wheel and sdist in dist/'
	@echo 'make campaign  a longer fault campaign: shops and workers killed at random instants (CYCLES=2000 SEED=1)'
	@echo 'make pictures  takes the pictures of the README and the guides anew, in docs/images/'
	@echo 'make benchmarks  what it costs beside its peers, into benchmarks/results/ (ROUNDS=5; half an hour)'
	@echo 'make clean     remove what make made'

demo:
	@tools/setup run
	@PORT='$(PORT)' exec $(BIN)/python -m demo_site

test: lint types full versions
	@echo 'make test: all of it passed'

lint:
	@tools/setup dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	@tools/setup dev
	@echo 'mypy and basedpyright, side by side'
	@$(BIN)/mypy & mypy=$$!; $(BIN)/basedpyright --pythonpath $(BIN)/python; pyright=$$?; wait $$mypy && exit $$pyright

full:
	@tools/setup dev
	$(BIN)/python -m pytest $(PYTEST_ARGS)

fast:
	@tools/setup dev
	$(BIN)/python -m pytest -m 'not browser and not slow' $(PYTEST_ARGS)

versions:
	@tools/setup dev
	@PYTEST_ARGS='$(PYTEST_ARGS)' tools/test-versions $(VERSIONS)

format:
	@tools/setup dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel:
	@tools/setup dev
	rm -rf build dist
	$(BIN)/python -m build --quiet
	rm -rf build
	@ls -l dist

campaign:
	@tools/setup dev
	CAMPAIGN_CYCLES='$(CYCLES)' CAMPAIGN_SEED='$(SEED)' $(BIN)/python -m pytest -p no:cacheprovider tests/campaign/test_campaign.py -n 2

pictures:
	@tools/setup dev
	$(BIN)/python -m tests.pictures

benchmarks:
	@tools/setup benchmarks
	.venvs/benchmarks/bin/python -m benchmarks --rounds $(ROUNDS)

clean:
	rm -rf .venv .venvs .cache build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find sdk pixel_templates demo_site tests -name __pycache__ -type d -prune -exec rm -rf {} +
