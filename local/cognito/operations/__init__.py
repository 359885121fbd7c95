"""The operations: functions of the service and the request's parameters, which ``table`` names."""
