"""The truth: tickets, jobs, leases, journal, verdicts, outbox and ledger, behind one Protocol."""

from orchestrator.store.protocol import CLAIMABLE, FORMS_NOTED, FORMS_OF, Lease, Outgoing, Store

__all__ = ["CLAIMABLE", "FORMS_NOTED", "FORMS_OF", "Lease", "Outgoing", "Store"]
