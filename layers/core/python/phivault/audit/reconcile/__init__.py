"""Reconciliation: what others wrote down (AWS's trail, the gateway's access log) against the audit log.

Whoever reads PHI without recording it still needs its key unwrapped, and still comes through the gateway; neither
log is ours to write. What this can't see is said in docs/reconciliation.md: a key that a recorded request has cached,
read once more inside that request.
"""
