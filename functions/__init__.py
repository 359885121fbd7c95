"""The Lambda functions: one folder for each privilege boundary."""
