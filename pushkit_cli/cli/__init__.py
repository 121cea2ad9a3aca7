"""The front room: the terminal, and one file a command."""
