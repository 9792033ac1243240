"""The user's documents: found, read, cut into passages, indexed and searched. Nothing here leaves the machine."""
