#!/usr/bin/env bash
# The parts that `pytest -m real` plays on, as root: Docker's engine, running, and an image with a real systemd in it.
# What is there already is left as it is.
set -euo pipefail

if [ "$(id -u)" != 0 ]; then
    echo "real_parts: only root can start Docker's engine and make an image" >&2
    exit 1
fi
image=debvisor-systemd
packages=systemd,systemd-sysv,dbus,sudo,python3,git,ca-certificates

up() { docker info >/dev/null 2>&1; }

if ! up; then
    log=$(mktemp /tmp/dockerd.XXXXXX.log)
    setsid nohup dockerd >"$log" 2>&1 </dev/null &
    for _ in $(seq 60); do
        up && break
        sleep 1
    done
    up || {
        echo "real_parts: Docker's engine did not start:" >&2
        tail -n 20 "$log" >&2
        exit 1
    }
fi

# What a run that was killed has left.
docker ps --all --quiet --filter label=debvisor-test | xargs --no-run-if-empty docker rm --force >/dev/null

tag=$image:$(printf '%s' "$packages $(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)" | sha256sum | cut -c1-12)
if ! docker image inspect "$tag" >/dev/null 2>&1; then
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    mmdebstrap --quiet --variant=minbase --include="$packages" "$suite" "$root/systemd.tar"
    docker import "$root/systemd.tar" "$tag" >/dev/null
fi
docker tag "$tag" "$image"
echo "real_parts: Docker $(docker version --format '{{.Server.Version}}'), image $image"
