"""Find losses, and guess what to call them with, so that they can be checked."""
