"""Names of this machine: what is open to nobody else may do without TLS."""

LOCAL = ("127.0.0.1", "localhost", "::1")
