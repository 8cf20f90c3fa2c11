"""One module a revision, numbered in order; never edited once released."""
