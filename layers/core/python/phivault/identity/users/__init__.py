"""Administration of a tenant's users. One verb, one file; each takes a ``call.Call`` and records before it answers."""
