"""`python -m optimsche`: the command line."""

import sys

from optimsche.cli import main

sys.exit(main())
