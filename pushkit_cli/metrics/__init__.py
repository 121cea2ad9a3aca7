"""Apple's push metrics: rows in, numbers and pictures out. Pure."""
