"""Speed, side by side with other libraries in one process: `python -m benchmarks`. No tests; see README.md."""
