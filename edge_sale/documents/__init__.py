"""Index and search the user's documents. Nothing here leaves the machine."""
