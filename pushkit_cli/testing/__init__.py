"""For other people's tests: a pytest plugin, and what its fixture gives. No imports here."""
