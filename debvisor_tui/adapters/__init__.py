"""What differs from host to host: one folder a seam, each with a protocol, a registry and one file a kind."""
