"""Exports of the log: a folder that an auditor verifies offline (docs/audit-format.md, section 9)."""
