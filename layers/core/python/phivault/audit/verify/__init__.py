"""The offline check of an export, steps V1 to V8 of docs/audit-format.md section 10. No IO of its own."""
