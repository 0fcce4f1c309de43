#!/usr/bin/env bash
# Write the lock files anew from pyproject.toml. Needs uv on the PATH (or in UV).
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${UV:-uv}
lock() {
  "$uv" pip compile --quiet --python-version 3.11 --python-platform x86_64-manylinux_2_28 --generate-hashes --no-header \
    --emit-build-options "$@"
}
compile() {
  lock --overrides requirements/overrides.txt requirements/torch-needs.in pyproject.toml "$@"
}
compile --output-file requirements/run.lock
compile --group dev --constraints requirements/run.lock --output-file requirements/dev.lock
compile --extra quantize --constraints requirements/run.lock --output-file requirements/quantize.lock
# These alone, beside what is there already.
lock --group bench-queue --constraints requirements/run.lock --output-file requirements/bench-queue.lock
lock --group oldest-redis --constraints requirements/run.lock --output-file requirements/oldest-redis.lock
lock --group node --output-file requirements/node.lock
