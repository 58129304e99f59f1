"""One recipe a file; the only rooms that see the Config."""
