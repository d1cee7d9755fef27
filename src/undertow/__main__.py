"""python -m undertow."""

import sys

from undertow.cli.main import main

sys.exit(main())
