"""The emergency access procedure (45 CFR 164.312(a)(2)(ii)): opened alone, reviewed by another person."""
