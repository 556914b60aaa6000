"""`python -m recap` is `recap`."""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C while modules are loaded: an end without a traceback

from recap.cli import main  # noqa: E402

if __name__ == "__main__":
    main()
