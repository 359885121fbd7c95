"""What API Gateway writes of each request; the local gateway writes the same."""

from __future__ import annotations

from typing import Final

ACCESS_LOG: Final = {
    "request_id": "$context.requestId",
    "at": "$context.requestTimeEpoch",
    "method": "$context.httpMethod",
    "route": "$context.resourcePath",  # as in the table: the path itself holds ids
    "status": "$context.status",
    "latency_ms": "$context.responseLatency",
    "function_ms": "$context.integrationLatency",
    "bytes": "$context.responseLength",
    "tls": "$context.tlsVersion",
    "answered": "$context.error.responseType",
    "waf": "$context.waf.status",
}
"""No address, no user, no path, no query, no user agent: who did what stands sealed in the audit log."""
