"""The door: sockets, TLS, and the certificates it takes to be trusted."""
