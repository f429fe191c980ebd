"""Speed and memory of the examples, as ratios that anyone can measure again."""

import os

os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # torch's profiler has no news for us
