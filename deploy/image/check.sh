#!/usr/bin/env bash
# Builds the image from BASE on the engine that runs, has it say what works in it, and has a server answer. Leaves nothing but the image.
# Further words are given to `docker build`: --build-arg PIP_INDEX_URL=…, --network host.
set -euo pipefail
cd "$(dirname "$0")/../.."
base=${1:?name a Debian 12 image: check.sh BASE [docker build options]}
shift
docker build -q -f deploy/image/Dockerfile --build-arg "BASE=$base" -t nightcrew:check "$@" .
name=nightcrew-check-$$
trap 'docker rm -f "$name" >/dev/null 2>&1 || true' EXIT
options=(--security-opt seccomp=unconfined --security-opt systempaths=unconfined --cap-drop ALL --security-opt no-new-privileges)
[ -e /dev/fuse ] && options+=(--device /dev/fuse)
docker run --rm "${options[@]}" nightcrew:check doctor || { echo 'check: the doctor says that nightcrew cannot work in it' >&2; exit 1; }
docker run -d --name "$name" "${options[@]}" nightcrew:check >/dev/null
for _ in $(seq 120); do
  state=$(docker exec "$name" python3 -c "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9484/metrics').read().decode())" 2>/dev/null | grep '^nightcrew_store_up' || true)
  [ "$state" = 'nightcrew_store_up 1.0' ] && break
  sleep 1
done
[ "$state" = 'nightcrew_store_up 1.0' ] || { docker logs "$name" >&2; echo 'check: the server does not answer' >&2; exit 1; }
[ "$(docker exec "$name" id -u)" = 10001 ]
docker stop -t 60 "$name" >/dev/null
[ "$(docker inspect -f '{{.State.ExitCode}}' "$name")" = 0 ] || { docker logs "$name" >&2; echo 'check: the server did not end as it should' >&2; exit 1; }
echo 'check: the image works'
