"""``python -m repoint_cli`` is the ``repoint`` command."""

from repoint_cli.main import main

if __name__ == "__main__":
    main()
