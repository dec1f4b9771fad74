"""Sweeping: what killed processes left is removed, and their jobs are ready to go on. Quick when there is nothing to do."""

from __future__ import annotations

from pathlib import Path

from orchestrator.store import Store
from orchestrator.working.lease import Owner


def sweep_jobs(store: Store) -> list[str]:
    """Queue the jobs again whose workers on this machine are dead, without waiting for their leases; return what was done."""
    done = []
    for job in store.working():
        if job.lease_owner is None or not Owner.parse(job.lease_owner).dead():
            continue
        why = "its worker died; the work so far is kept"
        if store.free(job.number, job.fence, why):
            done.append(f"ticket {job.ticket}: {why}; `nightcrew resume {job.ticket}` goes on")
    return done


def sweep_files(state: Path) -> list[str]:
    """Remove shadows and sandboxes whose processes are dead; return what was done."""
    import sandbox
    import shadowfs

    shadows = [f"removed the shadow {id}" for id in shadowfs.sweep(state)]
    return shadows + [f"removed the sandbox {name}" for name in sandbox.sweep(state / "sandboxes")]
