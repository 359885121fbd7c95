"""``python -m local.demo.account_key TENANT User/<sub>``: an operator destroys the key of a patient's own account.

``phivault keys destroy`` keeps the keys of users: those of staff must stay, and what tells a patient's account from
theirs, the request to erase a person, isn't built.
"""

from __future__ import annotations

import sys

from phivault import bootstrap
from phivault.audit.event import Action
from phivault.audit.system import key_event
from phivault.cli import operator
from phivault.cli.keys import NEEDED


def main(tenant: str, subject: str) -> None:
    by = operator.act(*NEEDED)
    if any(hold.covers(tenant, "") for hold in bootstrap.retention(by).holds(tenant)):
        sys.exit("A legal hold keeps this key")
    bootstrap.recorder().append([key_event(Action.KEY_DESTROY, tenant, subject, 0, user_id=by, role="operator")])
    version = bootstrap.subject_keys().destroy(tenant, subject)
    print(f"Destroyed, versions 1 to {version}.")


if __name__ == "__main__":
    main(*sys.argv[1:])
