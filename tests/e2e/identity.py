"""The identity part: people made for it, then sign-up, one's own account, user administration and Cognito's triggers.

It goes as far as the emulator is sound (``unsound.py``) and no further.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.e2e import account, administration, offboarding, registration, triggers
from tests.e2e.cast import OTHER_TENANT, Cast
from tests.e2e.journal import Journal
from tests.e2e.letters import Letters
from tests.e2e.people import Pool, User

PEOPLE = {
    # Who they are here: their role, and what is done to them.
    "coordinator": "care_coordinator",  # kept out by networks, suspended, resumed, offboarded
    "forgetful": "clinician",  # forgets the password, then loses the app
    "doctor": "clinician",  # whom Cognito asks the triggers about
    "officer": "security_officer",  # the second person, whom strangers try to guess
}


@dataclass(slots=True)
class Identity:
    """``staff`` are the story's users by role; ``functions`` the deployed functions' settings by name."""

    api: httpx.Client
    pool: Pool
    letters: Letters
    staff: dict[str, User]
    functions: dict[str, dict[str, Any]]
    people: dict[str, User] = field(default_factory=dict)

    def play(self, journal: Journal) -> None:
        cast = Cast(self.api, self.pool, self.letters, self.people)
        with journal.needed(f"{len(PEOPLE) + 2} more users are made, enrol their apps and sign in"):
            self._people()
        registration.play(journal, cast)
        account.play(journal, cast)
        administration.play(journal, cast)
        triggers.play(journal, cast, self.functions, before_offboarding=True)
        offboarding.play(journal, cast)
        triggers.play(journal, cast, self.functions, before_offboarding=False)

    def _people(self) -> None:
        made = {name: self.pool.newcomer(role, name=name) for name, role in PEOPLE.items()}
        for name in ("one", "two"):
            made[name] = self.pool.newcomer("tenant_admin", tenant=OTHER_TENANT, name=name)
        with self.pool.without_trigger():
            for user in made.values():
                self.pool.enrol(user)
        self.people |= made | {"admin": self.staff["tenant_admin"]}
        for user in self.people.values():
            user.sign_in(self.api)
