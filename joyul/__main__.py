"""`python -m joyul`."""

import sys

from joyul.cli import main

sys.exit(main())
