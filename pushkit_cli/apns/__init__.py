"""The law: what APNs accepts and in which words it refuses, as pure tables and functions."""
