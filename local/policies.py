"""The policies of the product against their schema: ``make check`` runs it. Exit status 1 where one doesn't hold."""

from __future__ import annotations

import json
import sys
from collections import Counter

from cedarpy import policies_to_json_str, validate_policies

from phivault.access.policy_files import policy_text, schema_text


def problems(text: str, schema: str) -> list[str]:
    """What is wrong with policies that stand in the repository."""
    try:
        parsed = json.loads(policies_to_json_str(text))
    except ValueError as error:
        return [f"not Cedar: {error}"]
    names = Counter(policy.get("annotations", {}).get("id", "") for policy in parsed["staticPolicies"].values())
    found = [
        f"{name or 'a policy without @id'}: {times} times" for name, times in names.items() if times > 1 or not name
    ]
    if parsed["templates"]:
        found.append("a template: ours are whole")
    return found + [str(error) for error in validate_policies(text, schema).errors]


def main() -> None:
    found = problems(policy_text(), schema_text())
    for problem in found:
        sys.stderr.write(f"policies: {problem}\n")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
