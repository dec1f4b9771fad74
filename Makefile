# Everything a person or the CI does here: setup, demo, test, check, bench. Each sets up first, which is instant when it was done.
.PHONY: setup demo test check bench soak gpu-check

PYTHON := .venv/bin/python

setup:
	@deploy/setup.sh

demo: setup
	@$(PYTHON) deploy/demo.py

test: setup
	@$(PYTHON) -m pytest --numprocesses logical --dist loadfile --no-loadscope-reorder $(ARGS)

check: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	$(PYTHON) -m pytest tests/test_structure.py

# make bench NAME=main [QUICK=1] [DATA=dir] [PAGE=1]: PAGE writes the table in docs/measured/
bench: setup
	@$(PYTHON) -m tests.bench $(NAME) $(if $(QUICK),--quick) $(if $(DATA),--data $(DATA)) $(if $(PAGE),--page)

# make soak [KILLS=210]: workers, their sandboxes, mounts, broker and database are killed; prints what was seen
soak: setup
	@$(PYTHON) -m tests.soak $(if $(KILLS),--kills $(KILLS))

# make gpu-check MODEL=folder-or-name [VLLM=its/bin/python] [ARGUMENTS='…'] [DEVICE=cpu]: vLLM on this machine's GPU behind the pool; one JSON document
gpu-check: setup
	@$(PYTHON) -m tests.gpu $(if $(MODEL),--model '$(MODEL)') $(if $(VLLM),--program '$(VLLM)') $(if $(ARGUMENTS),--arguments '$(ARGUMENTS)') $(if $(DEVICE),--device '$(DEVICE)')
