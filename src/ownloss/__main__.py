"""``python -m ownloss`` is the command ``ownloss``."""

from ownloss.cli import main

main(prog_name="ownloss")
