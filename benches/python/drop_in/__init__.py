"""CAREamics as installed beside the same script with one line more: what is measured, and the page about it."""
