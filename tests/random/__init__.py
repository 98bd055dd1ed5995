# noqa: A005 - named as what it tests, and never imported without "tests."
