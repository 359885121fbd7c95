"""``phivault import``: a folder of FHIR resources, through the API as a user.

The folder is read twice: ``scan`` notes in the ``journal`` where each resource stands and what it refers to, ``run``
sends them, those first that others need. The journal alone remembers what is done.
"""

from phivault.cli.imports.command import import_folder

__all__ = ["import_folder"]
