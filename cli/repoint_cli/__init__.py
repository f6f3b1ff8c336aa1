"""The ``repoint`` command: the only part that prints, exits, or reads the environment and the clock."""
