"""New keys for subjects: made, taken into use by every row, and the old ones ended. docs/keys.md."""
