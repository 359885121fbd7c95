from tests.local.cognito.harness import _cognito, cognito

__all__ = ["_cognito", "cognito"]
