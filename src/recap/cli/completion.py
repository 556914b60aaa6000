"""`recap completion`: the command line, completed by a shell."""

from typing import Literal


def verb(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print a script that makes a shell complete commands and options.

    Parameters
    ----------
    shell
        For bash, write it to ~/.local/share/bash-completion/completions/recap; for zsh, to _recap in a folder of
        $fpath; for fish, to ~/.config/fish/completions/recap.fish.
    """
    from recap.cli import app  # noqa: PLC0415 (it loads this file)

    print(app.generate_completion(shell=shell, prog_name="recap"), end="")
