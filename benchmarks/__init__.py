"""What is measured, with one command: `make bench`. Ratios within one run count; single times are noise."""
