"""Speed and memory of the examples, as ratios that anyone can measure again."""
