"""`python -m recap` is `recap`."""

from recap.cli import main

main()
