# make run    the whole service on this machine; needs nothing but Python 3.11 or newer
# make test   every test, against a real PostgreSQL and a real Valkey
# make lint   what .ci/run checks besides
# make bench  how many events a second this machine takes
# PYTHON=...  the interpreter to build .venv with; ARGS=...  arguments of `manage.py up`, of pytest or of the benchmark

.DEFAULT_GOAL := run
.PHONY: run test lint bench lock .venv development
RUNTIME := deploy/requirements.txt
DEVELOPMENT := deploy/requirements-dev.txt
PRODUCTION := PRODUCTION=1 DEBUG=0 ALLOWED_HOSTS=www.example.com API_URL=https://www.example.com \
  PANEL_URL=https://panel.example.com EMAIL_URL=smtp://mail.example.com SECRET_KEY=$$(head -c 48 /dev/urandom | base64)

# `python -m`, not the scripts beside it: those name the folder they were installed in, which may have moved.
run: .venv
	@exec .venv/bin/python manage.py up $(ARGS)

test: development
	@.venv/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: development
	@.venv/bin/python -m ruff check --quiet .
	@.venv/bin/python -m ruff format --quiet --check .
	@.venv/bin/python -m mypy --no-error-summary
	@said=$$(.venv/bin/python -c "from importlinter.cli import lint_imports_command as lint; lint()") || { echo "$$said"; false; }
	@.venv/bin/python manage.py makemigrations --check --dry-run
	@$(PRODUCTION) .venv/bin/python manage.py check --deploy --fail-level WARNING
	@sdk/check

bench: .venv
	@.venv/bin/python -m benchmarks $(ARGS)

.venv:
	@PYTHON="$(PYTHON)" deploy/environment $(RUNTIME)

development:
	@PYTHON="$(PYTHON)" deploy/environment $(DEVELOPMENT)

# Needs uv. The second file takes its versions from the first; neither names a host.
lock:
	@uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header pyproject.toml -o $(RUNTIME)
	@uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header pyproject.toml --group dev \
	  -c $(RUNTIME) -o $(DEVELOPMENT)
