"""`python -m nonlin` is the command line."""

from nonlin.cli import main

main()
