"""`python -m nambari` is `nambari`."""

from nambari.cli import main

main()
