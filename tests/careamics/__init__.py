"""CAREamics with and without patchmill: its own tests, and scripts like its published notebooks."""
