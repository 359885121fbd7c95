"""The blind index: what a search finds sealed resources by. The format: docs/search-index.md."""
