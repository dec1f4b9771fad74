"""What the kernel's control groups tell of one container: CPU time, tasks, refusals, kills. Both versions of them."""

from __future__ import annotations

from pathlib import Path

_MOUNT = Path("/sys/fs/cgroup")


class ContainerGroup:
    """The control groups of the process `pid`; what cannot be read is None."""

    def __init__(self, pid: int) -> None:
        self._paths: dict[str, Path] = {}
        for line in Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8", errors="surrogateescape").splitlines():
            _, controllers, path = line.split(":", 2)
            for name in controllers.split(","):
                self._paths[name] = _MOUNT / name / path.lstrip("/")
        self._unified = self._paths.pop("", _MOUNT)

    def cpu_s(self) -> float | None:
        """Return the seconds of CPU that it used so far."""
        if "cpuacct" in self._paths:
            used = _number(self._paths["cpuacct"] / "cpuacct.usage")
            return None if used is None else used / 1e9
        used = _field(self._unified / "cpu.stat", "usage_usec")
        return None if used is None else used / 1e6

    def tasks(self) -> int | None:
        """Return how many processes and threads it has, ended ones that nobody took away included."""
        return _number(self._paths.get("pids", self._unified) / "pids.current")

    def refusals(self) -> int:
        """Return how often the kernel refused it one more process or thread."""
        return _field(self._paths.get("pids", self._unified) / "pids.events", "max") or 0

    def kills(self) -> int:
        """Return how many processes the kernel killed because its memory was at the limit."""
        if "memory" in self._paths:
            return _field(self._paths["memory"] / "memory.oom_control", "oom_kill") or 0
        return _field(self._unified / "memory.events", "oom_kill") or 0


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _field(path: Path, name: str) -> int | None:
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name} ")), None)
