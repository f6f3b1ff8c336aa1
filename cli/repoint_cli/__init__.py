"""The ``repoint`` command: the only part of Repoint that prints, exits or reads the environment."""

import gc

# Start-up makes many objects and hardly any garbage; looking for it again and again costs half a unit of every command.
gc.set_threshold(200_000, 20, 20)
