"""`python -m crossglg`, which `torchrun -m crossglg` needs."""

from crossglg.cli import main

main()
