"""FHIR resources: one verb, one file."""
