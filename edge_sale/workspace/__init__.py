"""What agents can do: typed functions whose docstrings and signatures are their schemas."""
