"""`python -m web`: the pages as a process of its own."""

import os
import sys

from chassis.server import serve
from chassis.settings import Settings
from web.app import create_app

settings = Settings(_env_file=None) if "STE_PARENT_PID" in os.environ else Settings()
sys.exit(serve(create_app(settings), "web", settings))
