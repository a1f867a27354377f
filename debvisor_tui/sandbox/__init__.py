"""The embedded host: a small real service to release and to rehearse on."""
