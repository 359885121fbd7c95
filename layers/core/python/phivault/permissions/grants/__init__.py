"""Access given to one user by name: to a patient's record, as a delegate, to a research project."""
