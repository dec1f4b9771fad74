#!/usr/bin/env bash
# Installs what nightcrew needs on Debian or Ubuntu: system packages, and a Python environment in .venv.
# Does nothing when it was done for this pyproject.toml. Where FUSE cannot be had it says so: the copy driver works without.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(git bubblewrap util-linux python3-venv)
fuse_packages=(fuse3 libfuse3-dev pkg-config gcc python3-dev fuse-overlayfs)
stamp=.venv/.nightcrew-setup
wanted=$(sha256sum pyproject.toml deploy/setup.sh | sha256sum | cut -d' ' -f1)
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && [ -x .venv/bin/python ] && exit 0

say() { printf 'setup: %s\n' "$*"; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

missing() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" = 'install ok installed' ] || printf '%s\n' "$package"
  done
}

install() {
  local wanting
  mapfile -t wanting < <(missing "$@")
  [ ${#wanting[@]} -eq 0 ] && return 0
  say "installing ${wanting[*]}"
  as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${wanting[@]}" >/dev/null
}

newest_python() {
  local python
  for python in "${NIGHTCREW_PYTHON:-}" python3 python3.13 python3.12 python3.11 /usr/bin/python3; do
    [ -n "$python" ] && "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$python"; return; }
  done
  say 'nightcrew needs Python 3.11 or newer with venv: install it, or name one in NIGHTCREW_PYTHON' >&2
  return 1
}

if command -v apt-get >/dev/null; then
  install "${packages[@]}" || { say "these could not be installed; install them by hand: ${packages[*]}"; exit 1; }
  install "${fuse_packages[@]}" || say 'the FUSE packages could not be installed'
else
  say "no apt-get here: make sure that these are installed: ${packages[*]} ${fuse_packages[*]}"
fi

python=$(newest_python)
[ -x .venv/bin/python ] || { say 'making .venv'; "$python" -m venv .venv; }
say 'installing nightcrew and what its tests need into .venv'
.venv/bin/python -m pip install -q --disable-pip-version-check --upgrade 'pip>=25.1'
.venv/bin/python -m pip install -q --disable-pip-version-check --editable '.[acp,cluster,docker,grammars,lsp,mcp,models,oidc,pool,postgres,ray,serve,traces]' --group dev
if ! .venv/bin/python -m pip install -q --disable-pip-version-check --editable '.[fuse]'; then
  say 'FUSE cannot be had here (pyfuse3 did not build): nightcrew will make shadows by copying'
fi
[ -e /dev/fuse ] || say 'there is no /dev/fuse here: nightcrew will make shadows by copying'
printf '%s\n' "$wanted" >"$stamp"
