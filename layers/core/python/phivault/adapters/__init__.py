"""The only place that imports boto3 or psycopg."""
