"""The CDK app: what ``cdk deploy`` makes in an account, from the function table and one file of typed settings."""
