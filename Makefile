# Each command sets up .venv by itself the first time. Without make: python ci/make.py course (or test, or lab).
PYTHON ?= python3

.PHONY: course test lab
course test lab:
	@$(PYTHON) ci/make.py $@
