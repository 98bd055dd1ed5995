"""What a user could pick instead of patchmill, each doing the same works."""
