"""Who may see what, and how that changes: policies, grants, care teams, restrictions, broken glass."""
