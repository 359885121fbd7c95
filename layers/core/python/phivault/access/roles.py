"""The roles. A user has one, set by an administrator and carried in the access token."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    PATIENT = "patient"
    CLINICIAN = "clinician"
    CARE_COORDINATOR = "care_coordinator"
    RESEARCHER = "researcher"
    TENANT_ADMIN = "tenant_admin"
    PRIVACY_OFFICER = "privacy_officer"
    SECURITY_OFFICER = "security_officer"
    AUDITOR = "auditor"
