# Each command but site and doctor sets up .venv by itself the first time. Without make: python ci/make.py course (or any other).
# TORCH=cpu takes PyTorch without CUDA, an eighth of the downloads on Linux: make course TORCH=cpu
PYTHON ?= python3

.PHONY: course test lab site solutions handout doctor
course test lab site solutions handout doctor:
	@$(PYTHON) ci/make.py $@
