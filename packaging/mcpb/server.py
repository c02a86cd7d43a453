"""The bundle's entry point: what Claude Desktop starts."""

import sys

from atlascloud_video_mcp.__main__ import main

sys.exit(main())
