"""A small API Gateway: routes by the function table, authorizes, throttles and calls the real handlers."""
